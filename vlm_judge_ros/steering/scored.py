"""What came of the candidates that were to be scored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class CandidateState(IntEnum):
    """What is known of a candidate.

    SCORED: by every voice. PARTIAL: by some, because time ran out. UNSCORED: by none. VETOED: a fast layer refused it.
    """

    UNSCORED = 0
    SCORED = 1
    PARTIAL = 2
    VETOED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of K candidates by V voices: wordings, views, models or samples.

    Attributes:
        values: calibrated, 0 to 1, shape (K, V); NaN where a voice has not spoken on a candidate.
        vetoes: why a candidate is out, by its index; others are in.
    """

    values: NDArray[np.float64]
    vetoes: dict[int, str]

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
        """Candidates that were not vetoed."""
        return tuple(index for index in range(self.candidates) if index not in self.vetoes)

    def state_of(self, index: int) -> CandidateState:
        """What is known of a candidate."""
        if index in self.vetoes:
            return CandidateState.VETOED
        spoken = np.isfinite(self.values[index])
        if spoken.size and spoken.all():
            return CandidateState.SCORED
        return CandidateState.PARTIAL if spoken.any() else CandidateState.UNSCORED

    def mean_of(self, index: int) -> float:
        """Mean over the voices that have spoken; NaN where none has."""
        spoken = self.values[index][np.isfinite(self.values[index])]
        return float(spoken.mean()) if spoken.size else float("nan")

    def spread_of(self, index: int) -> float:
        """Standard deviation over the voices that have spoken; NaN where fewer than two have."""
        spoken = self.values[index][np.isfinite(self.values[index])]
        return float(spoken.std(ddof=1)) if spoken.size > 1 else float("nan")
