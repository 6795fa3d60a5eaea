"""Judges recorded episodes one after the other, as the live node would have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.judges.opinion import JudgeProvenance
from vlm_judge_ros.parameters.contradictions import refuse_contradictions
from vlm_judge_ros.parameters.parameter import Value
from vlm_judge_ros.parameters.settings import engine_settings, judge_card, review_settings, worker_settings
from vlm_judge_ros.replay.events import BrokenFrame, Event, TrueProgress, Unread
from vlm_judge_ros.replay.outputs.output import Output
from vlm_judge_ros.replay.scoring.forwarding import Forwarding
from vlm_judge_ros.replay.scoring.unwatched import unwatched
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.session.judging import Judging, JudgingOptions
from vlm_judge_ros.session.lockstep import Lockstep
from vlm_judge_ros.tasks.task_set import TaskSet, load_tasks

TRIES = 3
"""How often a question is asked whose judge crashes or hangs over it."""


class EpisodeJudge:
    """A judge for recorded episodes that all have the same cameras.

    Args:
        values: all parameters of a judge node, by name; `cameras` are those of the episodes.

    Raises:
        JudgeError: parameters contradict each other, or the judge cannot be used.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        refuse_contradictions(values)
        self._tasks: TaskSet = load_tasks(values["task_files"])  # type: ignore[arg-type]
        worker, review = worker_settings(values), review_settings(values)
        # Nobody waits here: an answer is never late, and a judge that hangs is ended and asked again.
        patience_s = worker.load_timeout_s + worker.longest_backoff_s + worker.hang_timeout_s
        options = JudgingOptions(patience_s, False, patience_s, TRIES)
        self._forwarding = Forwarding()
        self._settings = engine_settings(values)
        self._judging = Judging(
            self._settings, worker, options, self._forwarding, lambda: None, review, self._tasks, judge_card(values)
        )
        try:
            self._judging.wait_until_ready(lambda: True)
        except BaseException:
            self.close()
            raise
        self._lockstep = Lockstep(self._judging)

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument judges."""
        provenance = self._judging.judge.provenance
        assert provenance is not None, "it was waited for"
        return provenance

    @property
    def card_warning(self) -> str:
        """Why the judge card that was named does not hold for it, one sentence; empty where it does."""
        return self._judging.judge.card_warning

    def close(self) -> None:
        """End the judge's process."""
        self._judging.close()

    def judge(
        self,
        episode: RecordedEpisode,
        outputs: Sequence[Output],
        on_time: Callable[[float], None] = lambda _: None,
        watch: bool = True,
    ) -> EpisodeTrace:
        """Judge an episode from its start to its end; what was judged before leaves no trace.

        Args:
            episode: what was recorded.
            outputs: told of everything while it happens; they are neither finished nor abandoned here.
            on_time: called with the seconds of the episode that have been judged.
            watch: False for what was not recorded so, see `unwatched`.

        Raises:
            JudgeLost: the judge's process ended over a question each time it was asked; make another one.
            JudgeError: the recording is damaged, or its task is in none of the task files.
        """
        description, judging, lockstep = episode.description, self._judging, self._lockstep
        declared = self._tasks.find(description.task) if self._tasks else None
        forwarding = self._forwarding
        forwarding.begin(description, outputs)
        started_ns = now_ns = description.started_ns
        judging.forget_all(None if watch else unwatched(self._settings))
        judging.activate(now_ns)
        lockstep.begin(now_ns)
        try:
            judging.start_episode(description.key, description.task, now_ns)
            for event in episode.events(declared):
                if isinstance(event.content, (TrueProgress, Unread)):  # which no live node gets to know
                    forwarding.see(event)
                    continue
                now_ns = max(now_ns, event.time_ns)
                forwarding.now_ns = now_ns
                lockstep.advance(now_ns)
                forwarding.look(judging.engine.findings)
                forwarding.see(event)
                self._take(event, now_ns)
                lockstep.settle(now_ns)
                on_time((now_ns - started_ns) * 1e-9)
            now_ns = forwarding.now_ns = max(now_ns, description.ended_ns)
            final = lockstep.end_episode("", now_ns)
        finally:
            if judging.engine.episode_id:
                judging.end_episode("", now_ns)
        return forwarding.trace(final)

    def _take(self, event: Event, now_ns: int) -> None:
        judging, content = self._judging, event.content
        if isinstance(content, Frame):
            judging.add_frame(content, now_ns)
        elif isinstance(content, BrokenFrame):
            judging.reject_frame(content.camera, content.fault, now_ns)
        elif isinstance(content, JointSample):
            judging.add_joint_state(content)
        elif isinstance(content, SignalSample):
            judging.add_signals(content)
        elif isinstance(content, Chunk):
            judging.add_chunk(content, now_ns)
        if judging.engine.urgent:
            judging.weigh(now_ns)
