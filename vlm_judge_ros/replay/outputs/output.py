"""What every kind of output offers that is written while an episode is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Verdict


class Output(Protocol):
    """One kind of file of one episode. All times are those of the recording."""

    def see(self, event: Event) -> None:
        """Something was recorded; called before it is judged."""

    def look(self, findings: tuple[Finding, ...], time_ns: int) -> None:
        """All layers were weighed, and this is what they found."""

    def progress(self, update: ProgressUpdate, time_ns: int) -> None:
        """The judge gave an answer."""

    def review(self, update: ProgressUpdate, time_ns: int) -> None:
        """The second judge gave an answer."""

    def failure(self, event: FailureEvent, time_ns: int) -> None:
        """A failure changed its status."""

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        """The verdict changed."""

    def finish(self, trace: EpisodeTrace) -> None:
        """The episode is over; write what is missing and close. The files lie in a folder that gets its name later.

        Raises:
            JudgeError: it cannot be written.
        """

    def abandon(self) -> None:
        """Close without finishing: the episode failed. What was written is removed by others."""


class OutputKind(Protocol):
    """Makes the outputs of one kind."""

    def open(self, episode: RecordedEpisode, folder: Path) -> Output:
        """Begin.

        Args:
            episode: what will be judged.
            folder: the unfinished folder of the episode; it exists.

        Raises:
            JudgeError: it cannot be written, or what it needs is not installed.
        """


class Silent:
    """An output that does nothing; the base of those that need only some calls."""

    def see(self, event: Event) -> None:
        """Nothing."""

    def look(self, findings: tuple[Finding, ...], time_ns: int) -> None:
        """Nothing."""

    def progress(self, update: ProgressUpdate, time_ns: int) -> None:
        """Nothing."""

    def review(self, update: ProgressUpdate, time_ns: int) -> None:
        """Nothing."""

    def failure(self, event: FailureEvent, time_ns: int) -> None:
        """Nothing."""

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        """Nothing."""

    def finish(self, trace: EpisodeTrace) -> None:
        """Nothing."""

    def abandon(self) -> None:
        """Nothing."""
