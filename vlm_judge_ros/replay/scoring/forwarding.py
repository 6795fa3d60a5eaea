"""Hands what comes out of judging to all outputs of an episode, and remembers it for the report."""

from __future__ import annotations

from collections.abc import Sequence

from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.output import Output
from vlm_judge_ros.replay.scoring.remembered import Remembered
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Verdict


class Forwarding:
    """Where `Judging` sends its results while a recording is judged; see `session.outlet.Outlet`.

    Attributes:
        now_ns: time of the recording.
        warnings: what a person has to know of the running episode, one sentence each.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self.warnings: list[str] = []
        self._outputs: Sequence[Output] = ()
        self._remembered: Remembered | None = None
        self._episode_id = ""
        self._findings: tuple[Finding, ...] = ()

    def begin(self, description: EpisodeDescription, outputs: Sequence[Output]) -> None:
        """Send to these from now on."""
        self.now_ns = description.started_ns
        self.warnings = []
        self._outputs = outputs
        self._remembered = Remembered(description)
        self._episode_id = description.key
        self._findings = ()

    def trace(self, final: Verdict) -> EpisodeTrace:
        """All that was heard since `begin`."""
        assert self._remembered is not None
        self._remembered.verdict(final, self.now_ns)
        return self._remembered.trace()

    def see(self, event: Event) -> None:
        """Something was recorded."""
        if self._remembered is not None:
            self._remembered.see(event)
        for output in self._outputs:
            output.see(event)

    def look(self, findings: tuple[Finding, ...]) -> None:
        """What all layers found when they were weighed last; passed over where that was before the last call."""
        if findings is self._findings:
            return
        self._findings = findings
        if self._remembered is not None:
            self._remembered.look(findings, self.now_ns)
        for output in self._outputs:
            output.look(findings, self.now_ns)

    def progress(self, update: ProgressUpdate) -> None:
        """The judge gave an answer."""
        if self._remembered is not None:
            self._remembered.progress(update)
        for output in self._outputs:
            output.progress(update, self.now_ns)

    def review(self, update: ProgressUpdate) -> None:
        """The second judge gave an answer."""
        for output in self._outputs:
            output.review(update, self.now_ns)

    def failure(self, event: FailureEvent) -> None:
        """A failure changed its status."""
        if self._remembered is not None:
            self._remembered.failure(event)
        for output in self._outputs:
            output.failure(event, self.now_ns)

    def verdict(self, verdict: Verdict) -> None:
        """The verdict changed; those between episodes are passed over."""
        if verdict.episode_id != self._episode_id:
            return
        if self._remembered is not None:
            self._remembered.verdict(verdict, self.now_ns)
        for output in self._outputs:
            output.verdict(verdict, self.now_ns)

    def note(self, text: str) -> None:
        """Nothing that the results do not say."""

    def warn(self, text: str) -> None:
        """Keep it for a person."""
        self.warnings.append(text)
