"""Labels for the training of judges, made of what several judges, or one with several seeds, said of each episode.

True labels never come in: a trace's `truth` and `true_progress` are not looked at.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.verdict import State

SCHEMA_VERSION: Final = 1
_OUTCOMES: dict[State, Literal["success", "failure"]] = {State.SUCCEEDED: "success", State.FAILED: "failure"}

TOO_FEW = "too few samples"
UNDECIDED = "no majority"
DISAGREEMENT = "too little agreement"
UNSURE = "too little confidence"
REASONS = (TOO_FEW, UNDECIDED, DISAGREEMENT, UNSURE)
"""Why an episode gets no label, in the order in which it is looked at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an episode must have to get a label.

    Attributes:
        samples: so many, at least.
        agreement: share of all samples, those that do not decide included, that say the same; more than half always.
        confidence: mean confidence of these.
    """

    samples: int = 3
    agreement: float = 0.75
    confidence: float = 0.8


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run says of how an episode ended.

    Attributes:
        outcome: "success" or "failure"; None where it does not decide.
        failure_mode: NONE unless it is a failure.
        onset_s: when it began to fail; None where nobody knows.
        progress: at the end; NaN where it is not known.
        confidence: of the outcome, 0 to 1; NaN where the judge does not tell.
    """

    outcome: Literal["success", "failure"] | None
    failure_mode: FailureMode = FailureMode.NONE
    onset_s: float | None = None
    progress: float = math.nan
    confidence: float = math.nan


class PseudoLabel(BaseModel):
    """What stands in a line of the file.

    Attributes:
        schema_version: of this line.
        label_source: tells it apart from what people say.
        episode: name of the episode's folder.
        origin: where it was recorded to.
        task: the instruction.
        outcome: what the majority says.
        failure_mode: what most of those say who say that it failed; UNKNOWN where no mode has more than half of them.
        onset_s: the middle one of their onsets, in seconds of the episode; null where none is known.
        progress: the middle one of what the majority says; null where it is not known.
        confidence: mean of the majority.
        agreement: its share of all samples.
        samples: how many there are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = SCHEMA_VERSION
    label_source: Literal["pseudo"] = "pseudo"
    episode: str
    origin: str
    task: str
    outcome: Literal["success", "failure"]
    failure_mode: str
    onset_s: float | None
    progress: float | None
    confidence: float
    agreement: float
    samples: int


def sample_of(trace: EpisodeTrace) -> Sample:
    """What a judged episode says, by its last verdict and the judge's last answer."""
    outcome = _OUTCOMES.get(trace.final_state)
    if outcome is None:
        return Sample(None)
    last = trace.rulings[-1]
    answer = trace.answers[-1] if trace.answers else None
    confidence = math.nan
    if answer is not None:
        confidence = answer.success_probability if outcome == "success" else answer.failure_probability
        if outcome == "failure" and math.isnan(confidence):
            confidence = 1.0 - answer.success_probability
    return Sample(outcome, last.failure_mode, last.onset_s, trace.final_progress, confidence)


def vote(samples: Sequence[Sample], limits: Limits, episode: str, origin: str, task: str) -> PseudoLabel | str:
    """The label of an episode, or why it gets none: one of `REASONS`.

    Args:
        samples: what was said of it; their order does not matter.
        limits: what they must have.
        episode: name of its folder.
        origin: where it was recorded to.
        task: the instruction.
    """
    if len(samples) < max(1, limits.samples):
        return TOO_FEW
    votes = Counter(sample.outcome for sample in samples if sample.outcome is not None)
    outcome = max(votes, key=lambda one: votes[one], default=None)
    if outcome is None or 2 * votes[outcome] <= len(samples):
        return UNDECIDED
    agreement = votes[outcome] / len(samples)
    if agreement < limits.agreement:
        return DISAGREEMENT
    majority = [sample for sample in samples if sample.outcome == outcome]
    confidence = math.fsum(sample.confidence for sample in majority) / len(majority)
    if not confidence >= limits.confidence:  # where one is not known the mean is not known, and that is not enough
        return UNSURE
    modes = Counter(sample.failure_mode for sample in majority)
    mode = max(modes, key=lambda one: modes[one])
    if 2 * modes[mode] <= len(majority):
        mode = FailureMode.UNKNOWN
    return PseudoLabel(
        episode=episode,
        origin=origin,
        task=task,
        outcome=outcome,
        failure_mode=mode.name if outcome == "failure" else FailureMode.NONE.name,
        onset_s=_middle([sample.onset_s for sample in majority if sample.onset_s is not None]),
        progress=_middle([sample.progress for sample in majority if not math.isnan(sample.progress)]),
        confidence=confidence,
        agreement=agreement,
        samples=len(samples),
    )


def _middle(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
