"""An episode as a row of the table, and which row is worse than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.headline import headline
from vlm_judge_ros.replay.labels.people import PeopleSay
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.verdict import State

Outcome = Literal["success", "failure", "unknown"]
OUTCOMES: tuple[Outcome, ...] = ("success", "failure", "unknown")

WORST_FIRST = (
    "Worst first: success claimed for what was a failure; then other verdicts that differ from the recorded truth or "
    "from people; then failures; then episodes that ended undecided; then successes. Among equals, the lower final "
    "progress first."
)
"""What `worst_first` does, for people."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the overview and the table need of an episode.

    Attributes:
        index: its place in the order in which the episodes were given, from 0.
        name: of the episode.
        task: the instruction.
        headline: the result in a sentence.
        state: of the final verdict.
        mode: failure mode of the final verdict, NONE unless it is FAILED.
        progress: of the final verdict; NaN where it is not known.
        duration_s: of the episode.
        recognised_s: when a failure was known; None where none was.
        true_success: how the recording says it went; None where it does not.
        true_mode: the failure mode that the recording tells; NONE for none.
        onset_s: when the recording says that the failure began; None where it does not.
        people: what people say; None where nobody has.
        frames: frames that were sent.
        frames_lost: those of them that did not arrive.
    """

    index: int
    name: str
    task: str
    headline: str
    state: State
    mode: FailureMode
    progress: float
    duration_s: float
    recognised_s: float | None
    true_success: bool | None
    true_mode: str
    onset_s: float | None
    people: PeopleSay | None
    frames: int
    frames_lost: int

    @staticmethod
    def of(index: int, trace: EpisodeTrace, people: PeopleSay | None = None) -> Row:
        """Take what is needed from a trace."""
        truth, lost = trace.truth, sum(trace.frames_lost.values())
        return Row(
            index=index,
            name=trace.name,
            task=trace.task,
            headline=headline(trace),
            state=trace.final_state,
            mode=trace.rulings[-1].failure_mode if trace.rulings else FailureMode.NONE,
            progress=trace.final_progress,
            duration_s=trace.duration_s,
            recognised_s=trace.recognised_s,
            true_success=None if truth is None else truth.outcome == "success",
            true_mode=FailureMode.NONE.name if truth is None else truth.failure_mode,
            onset_s=trace.onset_s,
            people=people,
            frames=sum(trace.frames_in.values()) + lost,
            frames_lost=lost,
        )

    @property
    def outcome(self) -> Outcome:
        """What the final verdict decides; unknown where it decides nothing."""
        return {State.SUCCEEDED: OUTCOMES[0], State.FAILED: OUTCOMES[1]}.get(self.state, OUTCOMES[2])

    @property
    def delay_s(self) -> float | None:
        """Seconds from the true onset to the recognition, negative where it came first; None where one is not known."""
        return None if self.onset_s is None or self.recognised_s is None else self.recognised_s - self.onset_s

    @property
    def agrees(self) -> bool | None:
        """Whether the verdict says what the recording and the people say; None where neither says anything."""
        return not self.differs_from if self._told else None

    @property
    def differs_from(self) -> tuple[str, ...]:
        """Who says something else than the verdict, for people; a verdict that decides nothing differs from all."""
        return tuple(
            who for who, success in self._told.items() if self.outcome != ("success" if success else "failure")
        )

    @property
    def _told(self) -> dict[str, bool]:
        people = self.people.success if self.people is not None else None
        told = {"the recorded truth": self.true_success, "people": people}
        return {who: success for who, success in told.items() if success is not None}

    @property
    def badness(self) -> int:
        """0 for the worst; what the numbers mean stands in `WORST_FIRST`."""
        if self.agrees is False:
            return 0 if self.outcome == "success" else 1
        return 2 + ("failure", "unknown", "success").index(self.outcome)


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """Order rows as `WORST_FIRST` says; the order in which they were given decides at last."""
    return sorted(rows, key=lambda row: (row.badness, row.progress if math.isfinite(row.progress) else -1.0, row.index))
