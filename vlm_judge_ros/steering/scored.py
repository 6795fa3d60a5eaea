"""What came of the candidates that were to be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class CandidateState(IntEnum):
    """What is known of a candidate; values equal the constants `STATE_*` of `vlm_judge_ros/msg/CandidateScore`.

    NOT_SCORED: the deadline came before every voice had spoken. VETOED: a fast layer forbids it. MISSING_EVIDENCE:
    nothing shows what it would do. INCONSISTENT: what it shows does not continue what is seen now.
    """

    NOT_SCORED = 0
    SCORED = 1
    VETOED = 2
    MISSING_EVIDENCE = 3
    INCONSISTENT = 4


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a candidate is out before anybody scores it.

    Attributes:
        state: VETOED, MISSING_EVIDENCE or INCONSISTENT.
        reason: one sentence.
    """

    state: CandidateState
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of K candidates by V voices: wordings, views, models or samples.

    Attributes:
        values: calibrated, 0 to 1, shape (K, V); NaN where a voice has not spoken on a candidate.
        excluded: why a candidate is out, by its index; others are in.
    """

    values: NDArray[np.float64]
    excluded: Mapping[int, Exclusion]

    def __post_init__(self) -> None:
        """Check the shape and the range.

        Raises:
            ValueError: one is wrong.
        """
        if self.values.ndim != 2:
            raise ValueError(f"scores have {self.values.ndim} dimensions; give one row for each candidate")
        known = self.values[np.isfinite(self.values)]
        if np.isinf(self.values).any() or (known.size and (known.min() < 0.0 or known.max() > 1.0)):
            raise ValueError("scores lie outside 0 to 1; calibrate them first")

    @property
    def candidates(self) -> int:
        """How many there are."""
        return int(self.values.shape[0])

    @property
    def in_play(self) -> tuple[int, ...]:
        """Candidates that are not excluded."""
        return tuple(index for index in range(self.candidates) if index not in self.excluded)

    def state_of(self, index: int) -> CandidateState:
        """What is known of a candidate."""
        if index in self.excluded:
            return self.excluded[index].state
        spoken = np.isfinite(self.values[index])
        return CandidateState.SCORED if spoken.size and spoken.all() else CandidateState.NOT_SCORED

    def mean_of(self, index: int) -> float:
        """Mean over the voices that have spoken; NaN where none has."""
        spoken = self.values[index][np.isfinite(self.values[index])]
        return float(spoken.mean()) if spoken.size else float("nan")

    def spread_of(self, index: int) -> float:
        """Standard deviation over the voices that have spoken; NaN where fewer than two have."""
        spoken = self.values[index][np.isfinite(self.values[index])]
        return float(spoken.std(ddof=1)) if spoken.size > 1 else float("nan")
