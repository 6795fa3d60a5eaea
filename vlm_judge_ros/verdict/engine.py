"""The engine: time-stamped inputs in, verdicts out.

The live node and the replay of bags feed the same engine. It has no clock, no thread and no ROS: the same calls with
the same arguments give the same verdicts.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from vlm_judge_ros import __version__
from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.monitors.camera_statistics import CameraStatistics
from vlm_judge_ros.monitors.cameras import Cameras
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.monitors.motion import JointMotion
from vlm_judge_ros.monitors.signal_checks import SignalChecks
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.review import ReviewRequest
from vlm_judge_ros.verdict.running import RunningEpisode
from vlm_judge_ros.verdict.schedule import Request
from vlm_judge_ros.verdict.settings import EngineSettings
from vlm_judge_ros.verdict.verdict import Provenance, State, Verdict

MOST_EVENTS = 256


class Engine:
    """Judges one episode after the other.

    Not safe for use from several threads at once; the caller holds a lock or calls from one thread. No call waits for a
    model. `now_ns` is always the node clock (ROS time) in a live node, and the stamp of the newest message in a replay.
    """

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self._settings = settings or EngineSettings()
        limits = {camera.name: camera.limits for camera in self._settings.cameras}
        self._cameras = Cameras(limits, self._settings.stamps)
        self._joints = JointMotion(self._settings.motion)
        self._jump_ns = nanoseconds(self._settings.clock_jump_s)
        self._now_ns = 0
        self._running: RunningEpisode | None = None
        self._latest: dict[str, Frame] = {}
        self._request: Request | None = None
        self._review_request: ReviewRequest | None = None
        self._progress: ProgressUpdate | None = None
        self._review: ProgressUpdate | None = None
        self._events: deque[FailureEvent] = deque(maxlen=MOST_EVENTS)
        self._newest_events: dict[FailureMode, FailureEvent] = {}
        self._stale_opinions = 0
        self._stale_reviews = 0
        self._clock_jumps = 0
        self._verdict = self._idle()

    @property
    def settings(self) -> EngineSettings:
        """The settings it was made with."""
        return self._settings

    @property
    def episode_id(self) -> str:
        """Name of the running episode; empty where none runs."""
        return self._running.episode_id if self._running else ""

    @property
    def task(self) -> str:
        """Instruction of the running episode; empty where none runs."""
        return self._running.task if self._running else ""

    @property
    def verdict(self) -> Verdict:
        """The newest verdict."""
        return self._verdict

    @property
    def unseen_cameras(self) -> tuple[str, ...]:
        """Names of the cameras that have no frame in the running episode yet; empty where none runs."""
        return self._running.unseen_cameras if self._running else ()

    @property
    def progress(self) -> ProgressUpdate | None:
        """What the judge said last in the running episode; None before its first answer."""
        return self._progress

    @property
    def review(self) -> ProgressUpdate | None:
        """What the review said last in the running episode; None before its first answer."""
        return self._review

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that all layers found when they were weighed last, in no order; empty where no episode runs."""
        return self._running.findings if self._running else ()

    @property
    def open_failures(self) -> tuple[FailureEvent, ...]:
        """The failures of the running episode that are seen or confirmed, in the order of their ids."""
        return self._running.failures.open if self._running else ()

    @property
    def worst_failure(self) -> FailureEvent | None:
        """The worst failure that is confirmed now, blindness that lasts included; None where none is."""
        return self._running.failures.worst if self._running else None

    @property
    def newest_failures(self) -> Mapping[FailureMode, FailureEvent]:
        """The newest event of each failure mode since the engine was made."""
        return self._newest_events

    @property
    def urgent(self) -> bool:
        """Whether a monitor has raised or ended an alarm since all layers were weighed last: call `check` at once."""
        return self._running is not None and self._running.urgent

    @property
    def stale_opinions(self) -> int:
        """Number of answers that came too late: for an episode that had ended, or after a newer one."""
        return self._stale_opinions

    @property
    def stale_reviews(self) -> int:
        """The same of reviews."""
        return self._stale_reviews

    @property
    def clock_jumps(self) -> int:
        """How often the clock went back."""
        return self._clock_jumps

    @property
    def skipped_chunks(self) -> int:
        """Number of chunks of the running episode that ended together with a newer one and were not asked about."""
        return self._running.schedule.skipped if self._running else 0

    def start_episode(
        self,
        episode_id: str,
        task: str,
        stamp_ns: int,
        declared: Task | None = None,
        task_file: str = "",
        held: SignalSample | None = None,
    ) -> Verdict:
        """Start an episode with no evidence.

        Args:
            episode_id: its name.
            task: the instruction.
            stamp_ns: when it starts, on the node clock; frames older than this are not its evidence. May lie in the
                past, as that of the frame which made the caller start it.
            declared: what the file of the task declares; None where it has none.
            task_file: name of that task and hash of its file, for the provenance.
            held: what latched signals said before, which holds from the start; None where they said nothing.

        Raises:
            JudgeError: an episode is running, or name or task is empty.
        """
        if self._running is not None:
            raise JudgeError(f"Episode {self._running.episode_id} is running; end it before {episode_id} starts.")
        if not episode_id:
            raise JudgeError("The episode has an empty name; give it one.")
        if not task.strip():
            raise JudgeError(f"Episode {episode_id} has no task; set the instruction first.")
        self._now_ns = max(self._now_ns, stamp_ns)
        self._running = RunningEpisode(self._settings, episode_id, task, stamp_ns, declared, task_file)
        # The frame that made the caller start the episode is its first.
        for frame in self._latest.values():
            self._running.add_frame(frame)
        if held is not None:
            self._running.add_signals(held)
        self._cameras.look_at_next()
        self._progress = self._review = None
        return self._evaluate()

    def end_episode(self, stamp_ns: int) -> Verdict:
        """End the running episode and return its last verdict.

        Raises:
            JudgeError: no episode is running.
        """
        if self._running is None:
            raise JudgeError("No episode is running; start one first.")
        last = self.check(stamp_ns)
        self._announce(self._running.failures.clear(last.stamp_ns))
        self._running = None
        self._request = self._review_request = None
        self._progress = self._review = None
        self._verdict = self._idle()
        return last

    def add_frame(self, frame: Frame, now_ns: int) -> FrameFault | None:
        """Take a frame whose header could be read. About ten a second of each camera are looked at; the others count.

        Args:
            frame: the frame.
            now_ns: the node clock when it arrived.

        Returns:
            None where the frame is used; otherwise why not, which is already counted.

        Raises:
            JudgeError: the camera is not one of the settings.
        """
        before_ns = self._now_ns
        self._advance(now_ns)
        # What is due goes out as it was before this moment: which of its messages comes first must not matter.
        if self._now_ns > before_ns:
            self._look_for_request()
        look = self._cameras.is_due(frame) or self._is_awaited(frame)
        fault = self._cameras.admit(frame, now_ns, self._joints.travels_before(frame.stamp_ns), look)
        if fault is FrameFault.CLOCK_JUMP:
            self._jump(f"the stamps of camera {frame.camera} went back", frame.stamp_ns)
        if fault is not None or not look:
            return fault
        self._latest[frame.camera] = frame
        if self._running is not None:
            self._running.add_frame(frame)
            self._look_for_review()
        return None

    def reject_frame(self, camera: str, fault: FrameFault, now_ns: int) -> None:
        """Count a frame that could not be read.

        Raises:
            JudgeError: the camera is not one of the settings.
        """
        self._advance(now_ns)
        self._cameras.reject(camera, fault, now_ns)

    def add_joint_state(self, sample: JointSample) -> None:
        """Take joint states."""
        self._joints.add(sample)
        if self._running is not None:
            self._running.add_joints(sample)

    def add_signals(self, sample: SignalSample) -> None:
        """Take the signals of one message; those that the running episode's task does not declare are passed over."""
        if self._running is not None:
            self._running.add_signals(sample)

    def add_chunk(self, chunk: Chunk) -> bool:
        """Take an announced chunk; False where no episode runs or its id does not rise, and it is passed over."""
        return self._running is not None and self._running.add_chunk(chunk)

    def due(self, now_ns: int) -> Request | None:
        """Return what the judge is to be asked now, once per request; None where nothing is due.

        The evidence is gathered here, or by the next frame before it counts, so it does not depend on when this is
        called between two frames. A request that is not fetched before the next one is due gives way to it.
        """
        self._advance(now_ns)
        self._look_for_request()
        request, self._request = self._request, None
        return request

    def due_review(self, now_ns: int) -> ReviewRequest | None:
        """Return what the second judge is to be asked now, once per request; None where nothing is due.

        A request is made from findings and stamps of frames, whenever a frame or an answer comes. Until it is followed
        by `add_review` or `add_review_fault`, or its answer would no longer count, no other is made.
        """
        self._advance(now_ns)
        request, self._review_request = self._review_request, None
        return request

    def evidence(self, now_ns: int, chunk_id: int = 0) -> Evidence | None:
        """Gather what a judge is shown now; None where no episode runs or a camera cannot be believed.

        Then there is no use in asking, and `check` gives the verdict that says why. For a question out of turn, such as
        the last one of an episode; `due` brings its own evidence.
        """
        self._advance(now_ns)
        return self._gather(chunk_id)

    def signal_checks(self) -> SignalChecks | None:
        """Copies of the limits and formulas over signals, as they stand in the running episode.

        None where no episode runs or no task file declares its task.
        """
        return self._running.signal_checks() if self._running else None

    def add_opinion(self, opinion: Opinion, now_ns: int, latency_s: float = math.nan) -> Verdict:
        """Take an answer of the judge and return the verdict that it leads to.

        An answer for another episode, or older than one that was taken, changes nothing and is counted.

        Args:
            opinion: the answer.
            now_ns: the node clock when it came.
            latency_s: wall-clock seconds from request to answer, for the provenance alone.
        """
        self._advance(now_ns)
        running = self._running
        if running is None or not running.takes(opinion):
            self._stale_opinions += 1
            return self._evaluate()
        reward = running.add_opinion(opinion, latency_s)
        self._progress = ProgressUpdate(opinion, reward, latency_s)
        return self._evaluate_and_look()

    def add_judge_fault(self, now_ns: int, cause: str) -> Verdict:
        """Note that a question got no answer (crash, deadline, broken output), and why in one sentence.

        The verdict is UNKNOWN until the next answer.
        """
        self._advance(now_ns)
        if self._running is not None:
            self._running.fail_judge(cause, self._now_ns)
        return self._evaluate_and_look()

    def add_review(self, opinion: Opinion, now_ns: int, latency_s: float = math.nan) -> Verdict:
        """Take an answer of the second judge and return the verdict that it leads to; arguments as for `add_opinion`.

        A review for another episode, or older than one that was taken, changes nothing and is counted.
        """
        self._advance(now_ns)
        running = self._running
        if running is None or not running.takes_review(opinion):
            self._stale_reviews += 1
            return self._evaluate()
        reward = running.add_review(opinion, latency_s)
        self._review = ProgressUpdate(opinion, reward, latency_s)
        return self._evaluate_and_look()

    def add_review_fault(self, now_ns: int, cause: str) -> Verdict:
        """Note that a review did not come (crash, deadline, server down), and why in one sentence.

        The verdict names it until the next review. It is not UNKNOWN for that, and is never better for it.
        """
        self._advance(now_ns)
        if self._running is not None and self._running.review is not None:
            self._running.review.fail(cause)
        return self._evaluate_and_look()

    def check(self, now_ns: int) -> Verdict:
        """Let time pass: cameras and the judge may have gone silent."""
        self._advance(now_ns)
        return self._evaluate()

    def take_failures(self) -> tuple[FailureEvent, ...]:
        """Hand over the failure events since the last call, oldest first."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def statistics(self, now_ns: int) -> Mapping[str, CameraStatistics]:
        """Return the counts of each camera since the engine was made."""
        return self._cameras.statistics(now_ns)

    def _advance(self, now_ns: int) -> None:
        if now_ns == 0:  # how simulated time reads until someone has told it
            return
        if now_ns < self._now_ns - self._jump_ns:
            self._jump("the node clock went back", now_ns)
        self._now_ns = max(self._now_ns, now_ns)

    def _jump(self, what: str, to_ns: int) -> None:
        back_s = (self._now_ns - to_ns) * 1e-9
        self._clock_jumps += 1
        self._now_ns = to_ns
        self._cameras.restart_clock()
        self._joints = JointMotion(self._settings.motion)
        self._latest.clear()
        self._request = self._review_request = None
        if self._running is not None:
            text = f"The evidence of this episode is void, because {what} by {back_s:.1f} s; start a new episode."
            finding = Finding(Layer.HEALTH, "clock_jump", "", Effect.BLIND, text, to_ns, severity=Severity.ERROR)
            self._running.make_void(finding)

    def _is_awaited(self, frame: Frame) -> bool:
        """Whether a question waits for a frame like this."""
        if self._running is None or self._running.void:
            return False
        return self._running.schedule.awaits(self._cameras.seen_ns[frame.camera], frame.stamp_ns)

    def _look_for_request(self) -> None:
        if self._running is None or self._running.void:
            return
        request = self._running.schedule.due(self._now_ns, self._cameras.seen_ns)
        if request is not None:
            self._request = replace(request, evidence=self._gather(request.chunk_id))

    def _look_for_review(self) -> None:
        if self._running is None or self._review_request is not None:
            return
        on = self._running.review_due(min(self._cameras.seen_ns.values(), default=0))
        if on and not self._blind:
            self._review_request = self._running.request_review(on)

    def _gather(self, chunk_id: int) -> Evidence | None:
        return None if self._running is None or self._blind else self._running.evidence(chunk_id)

    @property
    def _blind(self) -> bool:
        """Whether nothing that the cameras show can be believed now."""
        void = self._running is not None and self._running.void
        return void or any(found.effect is Effect.BLIND for found in self._camera_findings())

    def _camera_findings(self) -> tuple[Finding, ...]:
        if self._now_ns <= 0:
            text = "The node clock stands at zero; publish /clock, or set use_sim_time to false."
            return (Finding(Layer.HEALTH, "clock_missing", "", Effect.BLIND, text, 0, severity=Severity.ERROR),)
        return self._cameras.findings(self._now_ns, self._joints.travels_before(self._now_ns))

    def _evaluate(self) -> Verdict:
        if self._running is None:
            self._verdict = self._idle()
        else:
            self._verdict, events = self._running.evaluate(self._camera_findings(), self._now_ns)
            self._announce(events)
        return self._verdict

    def _announce(self, events: tuple[FailureEvent, ...]) -> None:
        self._events.extend(events)
        self._newest_events.update((event.mode, event) for event in events)

    def _evaluate_and_look(self) -> Verdict:
        verdict = self._evaluate()
        self._look_for_review()
        return verdict

    def _idle(self) -> Verdict:
        return Verdict(
            stamp_ns=self._now_ns,
            state=State.UNKNOWN,
            reason="No episode is running.",
            provenance=Provenance(software_version=__version__),
        )


__all__ = ["Engine", "EngineSettings"]
