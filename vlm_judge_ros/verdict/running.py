"""One running episode: its buffers, its monitors, and what the gate remembers of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.keyframes import KeyframeBuffer, select_views
from vlm_judge_ros.episode.known import known
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.steady_views import SteadyViews
from vlm_judge_ros.judges.opinion import Opinion, SubtaskState
from vlm_judge_ros.monitors.finding import Finding, Layer
from vlm_judge_ros.monitors.monitor import EpisodeContext, ProgressSample
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.monitors.motion import ImageMotion, JointMotion
from vlm_judge_ros.monitors.progress import ProgressTrend
from vlm_judge_ros.monitors.signal_checks import SignalChecks
from vlm_judge_ros.monitors.signal_health import SignalHealth
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.verdict.failure import FailureEvent, FailureTracker
from vlm_judge_ros.verdict.findings import is_review
from vlm_judge_ros.verdict.gate import Decision, decide, rated
from vlm_judge_ros.verdict.held import Failure
from vlm_judge_ros.verdict.judgement import PROGRESS, SUCCESS, JudgeFault, judge_findings
from vlm_judge_ros.verdict.memory import GateMemory
from vlm_judge_ros.verdict.onset import RiseHistory
from vlm_judge_ros.verdict.provenance import provenance_of
from vlm_judge_ros.verdict.review import Review, ReviewOn, ReviewRequest
from vlm_judge_ros.verdict.schedule import Schedule
from vlm_judge_ros.verdict.settings import EngineSettings, KeyframeChoice
from vlm_judge_ros.verdict.verdict import FindingRecord, Provenance, State, SubtaskRecord, Verdict


class RunningEpisode:
    """Everything that lives as long as one episode."""

    def __init__(
        self,
        settings: EngineSettings,
        episode_id: str,
        task: str,
        started_ns: int,
        declared: Task | None = None,
        task_file: str = "",
    ) -> None:
        self.episode_id = episode_id
        self.task = task
        self._declared = declared
        self._task_file = task_file
        self.started_ns = started_ns
        self._judge_fault: JudgeFault | None = None
        patience_s = settings.period_s if settings.asks_during_chunks else settings.judge.opinion_timeout_s / 2.0
        self.schedule = Schedule(started_ns, settings.period_s, settings.chunk_grace_s, patience_s)
        self.findings: tuple[Finding, ...] = ()
        self.urgent = False
        self.failures = FailureTracker(episode_id)
        self.review = Review(settings.review, settings.judge, started_ns) if settings.review is not None else None
        self._buffers: dict[str, KeyframeBuffer] = {}
        self._steady: SteadyViews | None = None
        self._settings = settings
        self._joints = JointMotion(settings.motion)
        signals = declared.signals if declared is not None else {}
        units = {name: signal.unit for name, signal in signals.items()}
        timeouts_s = {name: signal.timeout_s for name, signal in signals.items()}
        self._signals = SignalHealth(timeouts_s, started_ns, settings.stamps)
        self._monitors = MonitorSet(
            declared.all_monitors if declared is not None else (),
            EpisodeContext(started_ns, settings.camera_names, units, timeouts_s),
        )
        self._images = ImageMotion(settings.camera_names, settings.motion)
        self._trend = ProgressTrend(settings.trend)
        self._rises = RiseHistory()
        self._memory = GateMemory()
        self._opinion: Opinion | None = None
        self._source = provenance_of(None)
        self._gate = settings.gate if declared is None else settings.gate.of(declared)
        self._used_ns = started_ns
        self._known_progress = math.nan
        self._reviewed_progress = math.nan
        self._void: Finding | None = None
        self._newest_ns = started_ns
        self._subtasks: tuple[SubtaskRecord, ...] = ()
        self._subtasks_ns = started_ns
        self._clear_buffers()

    @property
    def void(self) -> bool:
        """True after the clock jumped: nothing that was seen can be ordered in time any more."""
        return self._void is not None

    def make_void(self, finding: Finding) -> None:
        """Drop all evidence, for the reason that the finding tells; the episode stays UNKNOWN to its end."""
        self._void = finding
        # In the clock after the jump the stamps of before mean nothing.
        self._used_ns = max(self.started_ns, finding.stamp_ns)
        self._clear_buffers()

    def add_frame(self, frame: Frame) -> None:
        """Take a frame; those from before the start of the episode are passed over."""
        if self.void or frame.stamp_ns < self.started_ns:
            return
        self._newest_ns = max(self._newest_ns, frame.stamp_ns)
        self._buffers[frame.camera].add(frame)
        if self._steady is not None:
            self._steady.update(self._buffers)
        self._images.add(frame)
        self.urgent |= self._monitors.add_frame(frame)

    def add_joints(self, sample: JointSample) -> None:
        """Take joint states."""
        self._joints.add(sample)
        self.urgent |= self._monitors.add_joints(sample)

    def add_signals(self, sample: SignalSample) -> None:
        """Take the signals of one message."""
        self._signals.add(sample)
        self.urgent |= self._monitors.add_signals(sample)

    def add_chunk(self, chunk: Chunk) -> bool:
        """Take an announced chunk; False where its id does not rise, and it is passed over."""
        if not self.schedule.add(chunk):
            return False
        self.urgent |= self._monitors.add_chunk(chunk)
        return True

    def evidence(self, chunk_id: int) -> Evidence | None:
        """Gather what a judge is shown now; None where a camera has no frame in this episode yet."""
        if self._steady is not None:
            views = self._steady.views(self._buffers)
        else:
            views = select_views(self._buffers, self._settings.spread_count, self._settings.transition_count)
        if len(views) < len(self._buffers):
            return None
        newest_ns = max(keyframes[-1].frame.stamp_ns for keyframes in views.values())
        return Evidence(self.episode_id, self.task, self.started_ns, newest_ns, views, chunk_id)

    def signal_checks(self) -> SignalChecks | None:
        """The limits and formulas over signals as they stand now; None where no task file declares any task."""
        if self._declared is None:
            return None
        return SignalChecks.of_running(self._declared.monitors, self._monitors, self._signals.received)

    @property
    def unseen_cameras(self) -> tuple[str, ...]:
        """Names of the cameras that have no frame in this episode yet."""
        return tuple(name for name, buffer in self._buffers.items() if buffer.newest is None)

    def takes(self, opinion: Opinion) -> bool:
        """Tell whether an answer belongs to this episode and is not older than the one taken last."""
        if self.void or opinion.evidence.episode_id != self.episode_id:
            return False
        return self._opinion is None or opinion.evidence.now_ns >= self._opinion.evidence.now_ns

    def takes_review(self, opinion: Opinion) -> bool:
        """Tell whether a review belongs to this episode and is not older than the one taken last."""
        if self.void or opinion.evidence.episode_id != self.episode_id:
            return False
        return self.review is not None and self.review.takes(opinion)

    def review_due(self, seen_ns: int) -> tuple[ReviewOn, ...]:
        """Why a review is to be asked for now, every camera being seen up to a stamp; empty where it is not."""
        return () if self.review is None or self.void else self.review.due(seen_ns)

    def request_review(self, on: tuple[ReviewOn, ...]) -> ReviewRequest | None:
        """Ask for a review; None where a camera has no frame in this episode yet."""
        evidence = self.evidence(chunk_id=0)
        if evidence is None or self.review is None:
            return None
        request = ReviewRequest(evidence, on)
        self.review.ask(request)
        return request

    def add_opinion(self, opinion: Opinion, latency_s: float) -> float:
        """Take an answer and return the reward; NaN for the first, or where progress is not known."""
        self._opinion, self._judge_fault = opinion, None
        self._source = provenance_of(opinion, latency_s)
        if self.review is not None:
            self.review.hear(opinion)
        self._take_subtasks(opinion)
        self._monitors.add_progress(_progress_sample(opinion))
        progress = opinion.progress
        if not 0.0 <= progress <= 1.0:
            return math.nan
        self._trend.add(opinion.evidence.now_ns, progress)
        self._rises.add(opinion.evidence.now_ns, progress)
        reward, self._known_progress = progress - self._known_progress, progress
        return reward

    def fail_judge(self, cause: str, now_ns: int) -> None:
        """Note that a question got no answer, and why."""
        self._judge_fault = JudgeFault(cause or "no cause was given", now_ns)

    def add_review(self, opinion: Opinion, latency_s: float) -> float:
        """Take a review and return its reward against the one before; NaN as for `add_opinion`."""
        assert self.review is not None
        self.review.add(opinion, latency_s)
        self._take_subtasks(opinion)
        progress = opinion.progress
        if not 0.0 <= progress <= 1.0:
            return math.nan
        reward, self._reviewed_progress = progress - self._reviewed_progress, progress
        return reward

    def evaluate(self, camera_findings: tuple[Finding, ...], now_ns: int) -> tuple[Verdict, tuple[FailureEvent, ...]]:
        """Weigh everything that is known now.

        Returns:
            The verdict, and the failure events that follow from it.
        """
        self.urgent = False
        if self._void is not None:
            self.findings = (self._void,)
            return self._compose(Decision(State.UNKNOWN, self._void.text, (self._void,)), (), ()), ()
        judged = judge_findings(
            self._opinion, self._judge_fault, now_ns, self._settings.judge, asked_ns=self.started_ns
        )
        motion = (self._joints.finding(now_ns), self._images.finding(now_ns))
        declared = (*self._signals.findings(now_ns), *self._monitors.findings(now_ns))
        reviewed = self.review.findings(now_ns) if self.review is not None else ()
        found = (*camera_findings, *judged, *reviewed, *self._trend.findings(), *motion, *declared)
        self.findings = rated(_timely(found, now_ns), self._gate)
        decision, self._memory = decide(self._memory, self.findings, self._gate)
        self._monitors.add_completion(decision.state is State.SUCCEEDED)
        if self.review is not None:
            self.review.see(self.findings, self._memory)
        verdict = self._compose(decision, judged, reviewed)

        def provenance_of_failure(failure: Failure) -> Provenance:
            of_review = verdict.review_provenance if is_review(failure.finding) else None
            return verdict.provenance if of_review is None else of_review

        events = self.failures.update(self._memory.open, verdict.stamp_ns, self._onset_ns, provenance_of_failure)
        return verdict, events

    def _take_subtasks(self, opinion: Opinion) -> None:
        if opinion.subtasks and opinion.evidence.now_ns >= self._subtasks_ns:
            self._subtasks_ns = opinion.evidence.now_ns
            self._subtasks = tuple(SubtaskRecord.of(subtask) for subtask in opinion.subtasks)

    def _onset_ns(self, failure: Failure) -> int:
        """When a failure began: as the fast layers know it; by the judge alone, when progress had last risen."""
        known_ns = [finding.onset_ns for finding in failure.findings if finding.onset_ns is not None]
        if known_ns:
            return min(known_ns)
        judged = all(finding.layer is Layer.JUDGE for finding in failure.findings) and not failure.blindness
        return self._rises.onset_ns(failure.since_ns) if judged else failure.since_ns

    def _compose(self, decision: Decision, judged: tuple[Finding, ...], reviewed: tuple[Finding, ...]) -> Verdict:
        used_ns = [finding.stamp_ns for finding in decision.decided_by] or [self._newest_ns]
        # Evidence that was once used stays used: the stamp of a verdict never goes back.
        self._used_ns = max(self._used_ns, *used_ns)
        numbers = {} if decision.state is State.UNKNOWN else {finding.name: known(finding.value) for finding in judged}
        failed = self._memory.failed if decision.state is State.FAILED else ()
        layers = tuple(sorted({finding.layer for finding in decision.decided_by}))
        return Verdict(
            stamp_ns=self._used_ns,
            episode_id=self.episode_id,
            task=self.task,
            chunk_id=self._opinion.evidence.chunk_id if self._opinion else 0,
            elapsed_s=(self._used_ns - self.started_ns) * 1e-9,
            state=decision.state,
            progress=numbers.get(PROGRESS),
            success_probability=numbers.get(SUCCESS),
            confidence=decision.confidence,
            failure_mode=failed[0].mode if failed else FailureMode.NONE,
            failure_onset_ns=self._onset_ns(failed[0]) if failed else None,
            reason=decision.reason,
            decided_by=tuple(FindingRecord.of(finding) for finding in decision.decided_by),
            overruled=tuple(FindingRecord.of(finding) for finding in decision.overruled),
            missing_layers=decision.missing_layers,
            subtasks=self._subtasks,
            provenance=self._source.model_copy(update={"deciding_layers": layers, "task_file": self._task_file}),
            review=tuple(FindingRecord.of(finding) for finding in reviewed),
            review_provenance=self.review.provenance if self.review is not None else None,
        )

    def _clear_buffers(self) -> None:
        limits = self._settings.buffer
        if self._settings.keyframe_choice is KeyframeChoice.RECENT:
            limits = replace(limits, recent_frames=self._settings.recent_count)
        self._buffers = {name: KeyframeBuffer(self.started_ns, limits) for name in self._settings.camera_names}
        steady = self._settings.keyframe_choice is KeyframeChoice.STEADY
        self._steady = SteadyViews(self._settings.spread_count) if steady else None


def _timely(findings: Iterable[Finding], now_ns: int) -> tuple[Finding, ...]:
    """Take back to now what a wrong clock stamps later: a verdict must not rest on evidence that is still to come."""
    return tuple(replace(item, stamp_ns=now_ns) if item.stamp_ns > now_ns else item for item in findings)


def _progress_sample(opinion: Opinion) -> ProgressSample:
    def named(state: SubtaskState) -> tuple[str, ...]:
        return tuple(subtask.name for subtask in opinion.subtasks if subtask.state is state)

    return ProgressSample(
        opinion.evidence.now_ns, opinion.progress, named(SubtaskState.ACTIVE), named(SubtaskState.DONE)
    )
