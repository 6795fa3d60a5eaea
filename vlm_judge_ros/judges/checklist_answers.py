"""What a model says about the steps of a task, and what that makes of the whole."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import pydantic

from vlm_judge_ros.judges.checklist_file import Checklist
from vlm_judge_ros.judges.opinion import SubtaskOpinion, SubtaskState
from vlm_judge_ros.judges.told import told

MOST_UNKNOWN_SHARE = 0.5
"""Where steps that make up more than this of the task are not to be seen, nothing is said of the whole."""

_STATES = {
    "unknown": SubtaskState.UNKNOWN,
    "pending": SubtaskState.PENDING,
    "active": SubtaskState.ACTIVE,
    "done": SubtaskState.DONE,
    "failed": SubtaskState.FAILED,
}


# No number is bent into its range and no text into a number: an answer fits, or the model is asked again.
_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class StepAnswer(pydantic.BaseModel):
    """How one step stands.

    Attributes:
        step: its number, from 1.
        seen: what the pictures show of it.
        state: how it stands.
        progress: how far it is, of a step that is active or failed.
    """

    model_config = _STRICT

    step: int
    seen: str
    state: Literal["pending", "active", "done", "failed", "unknown"]
    progress: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] | None

    @pydantic.model_validator(mode="after")
    def _begun_steps_have_progress(self) -> StepAnswer:
        if self.state in ("active", "failed") and self.progress is None:
            raise ValueError(f"step {self.step} is {self.state} and has no progress")
        return self

    @property
    def share(self) -> float:
        """How far the step is, 0 to 1; NaN where it was not seen. The state decides where it says all."""
        if self.state in ("active", "failed"):
            return self.progress if self.progress is not None else math.nan
        return {"pending": 0.0, "done": 1.0, "unknown": math.nan}[self.state]


class ChecklistAnswer(pydantic.BaseModel):
    """All steps of a task; the context of the validation has their number as `steps`.

    Attributes:
        steps: each step once.
    """

    model_config = _STRICT

    steps: list[StepAnswer]

    @pydantic.model_validator(mode="after")
    def _every_step_once(self, info: pydantic.ValidationInfo) -> ChecklistAnswer:
        count = info.context["steps"] if info.context else len(self.steps)
        numbers = sorted(answer.step for answer in self.steps)
        if numbers != list(range(1, count + 1)):
            raise ValueError(f"the steps are {numbers}, and each of 1 to {count} is asked for once")
        return self

    @property
    def in_order(self) -> list[StepAnswer]:
        """The steps by their numbers."""
        return sorted(self.steps, key=lambda answer: answer.step)


@dataclass(frozen=True, slots=True)
class Tally:
    """What several answers about one checklist come to.

    Attributes:
        subtasks: the steps.
        progress: weighted sum over the steps; NaN where too few were seen.
        low: lower end of an interval around it; NaN where there is none.
        high: upper end of that interval; NaN where there is none.
        success_probability: that all steps are done.
        failure_probability: that a step has failed.
        reason: what was seen, a sentence.
    """

    subtasks: tuple[SubtaskOpinion, ...]
    progress: float
    low: float
    high: float
    success_probability: float
    failure_probability: float
    reason: str


def tally(checklist: Checklist, answers: Sequence[ChecklistAnswer]) -> Tally:
    """Count what one or more answers say.

    A step that was not seen lies anywhere between not begun and done: progress is the middle of what is possible, and
    the interval holds all of it. To that comes the spread between the answers.
    """
    rows = [answer.in_order for answer in answers]
    shares = checklist.shares
    bounds = [_bounds(shares, row) for row in rows]
    lows, highs = [low for low, _ in bounds], [high for _, high in bounds]
    subtasks = tuple(
        _subtask(step.name, share, [row[index] for row in rows])
        for index, (step, share) in enumerate(zip(checklist.subtasks, shares, strict=True))
    )
    unseen = statistics.fmean(highs) - statistics.fmean(lows)
    if unseen > MOST_UNKNOWN_SHARE:
        names = ", ".join(f'"{entry.name}"' for entry in subtasks if math.isnan(entry.progress))
        reason = f"The pictures do not show steps that make up {unseen:.0%} of the task{f': {names}' if names else ''}."
        return Tally(subtasks, math.nan, math.nan, math.nan, math.nan, math.nan, reason)
    middles = [(low + high) / 2 for low, high in bounds]
    spread = statistics.pstdev(middles)
    alone = len(rows) == 1 and unseen < 1e-9
    return Tally(
        subtasks=subtasks,
        progress=_clipped(statistics.fmean(middles)),
        low=math.nan if alone else _clipped(statistics.fmean(lows) - spread),
        high=math.nan if alone else _clipped(statistics.fmean(highs) + spread),
        success_probability=succession(sum(all(answer.state == "done" for answer in row) for row in rows), len(rows)),
        failure_probability=succession(sum(any(answer.state == "failed" for answer in row) for row in rows), len(rows)),
        reason=_reason(checklist, rows[0]),
    )


def succession(count: int, of: int) -> float:
    """Probability after `count` of `of` answers said so, by the rule of succession: few answers never make certain."""
    return (count + 1) / (of + 2)


def _bounds(shares: Sequence[float], row: Sequence[StepAnswer]) -> tuple[float, float]:
    """Least and most that the steps can come to."""
    pairs = [(share, answer.share) for share, answer in zip(shares, row, strict=True)]
    low = math.fsum(share * (0.0 if math.isnan(done) else done) for share, done in pairs)
    high = math.fsum(share * (1.0 if math.isnan(done) else done) for share, done in pairs)
    return low, high


def _subtask(name: str, weight: float, answers: Sequence[StepAnswer]) -> SubtaskOpinion:
    known = [answer.share for answer in answers if not math.isnan(answer.share)]
    progress = statistics.fmean(known) if known else math.nan
    votes = Counter(answer.state for answer in answers).most_common(2)
    tied = len(votes) > 1 and votes[0][1] == votes[1][1]
    return SubtaskOpinion(name, weight, progress, SubtaskState.UNKNOWN if tied else _STATES[votes[0][0]])


def _reason(checklist: Checklist, row: Sequence[StepAnswer]) -> str:
    done = sum(answer.state == "done" for answer in row)
    text = f"{done} of {len(row)} steps are done"
    for states in (("failed",), ("active", "pending", "unknown")):
        for step, answer in zip(checklist.subtasks, row, strict=True):
            if answer.state in states:
                seen = f", seen: {told(answer.seen, 100)}" if answer.seen.strip() else ""
                return f'{text}; "{step.name}" is {answer.state}{seen}.'
    return f"{text}."


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))
