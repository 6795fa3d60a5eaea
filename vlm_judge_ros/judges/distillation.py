"""Preference-guided self-distillation: of a model's own reward curves, those that order two episodes as a person did.

A model draws several curves of progress for each of two episodes of one task. A person has said which of the episodes
went better. Draws that say the same are right about what the person knows; the curve of the worse episode from one of
them becomes an example for later questions.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from vlm_judge_ros.errors import JudgeError


@dataclass(frozen=True, slots=True)
class RewardCurve:
    """How far an episode was at each of its frames, as a model drew it once.

    Attributes:
        seed: of the draw.
        rewards: 0 to 1, one for each frame, in the order of time.
    """

    seed: int
    rewards: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.rewards or not all(math.isfinite(reward) and 0.0 <= reward <= 1.0 for reward in self.rewards):
            raise JudgeError(f"{self.rewards} is no curve of rewards; each has to be a number from 0 to 1.")


class Measure(Enum):
    """What of a curve says how well an episode went."""

    FINAL = "final"
    """The reward at the end."""
    MEAN = "mean"
    """The mean of all rewards."""

    def of(self, curve: RewardCurve) -> float:
        """How well the episode went, 0 to 1."""
        return curve.rewards[-1] if self is Measure.FINAL else statistics.fmean(curve.rewards)


@dataclass(frozen=True, slots=True)
class Draw:
    """One curve of each episode, drawn with the same seed; None where the model's answer could not be read."""

    better: RewardCurve | None
    worse: RewardCurve | None


@dataclass(frozen=True, slots=True)
class Distilled:
    """What came out.

    Attributes:
        kept: the draw whose curve of the worse episode is the median one of those that are right; None where none is.
        right: draws that order the episodes as the person did.
        wrong: draws that do not, or not by the margin.
        unreadable: draws of which a curve could not be read.
    """

    kept: Draw | None
    right: int
    wrong: int
    unreadable: int


def orders_right(draw: Draw, measure: Measure, margin: float) -> bool:
    """Whether a draw puts the better episode above the worse one by at least a margin."""
    if draw.better is None or draw.worse is None:
        return False
    # What decimal digits tell apart by the margin exactly counts, whatever binary digits make of it.
    return measure.of(draw.better) - measure.of(draw.worse) >= margin - 1e-9


def distil(draws: Sequence[Draw], measure: Measure, margin: float) -> Distilled:
    """Find the draws that order two episodes as a person did, and choose one of them.

    The median curve has at every frame the median of the right ones; the draw nearest to that is kept, by the sum of
    the distances, and of equal ones the first.

    Args:
        draws: in the order of their seeds; all curves of the worse episode have as many rewards.
        measure: by which the episodes are ordered.
        margin: by how much the better one has to be above the worse one, above 0 and at most 1.

    Raises:
        JudgeError: the margin is out of range, or the curves are of different lengths.
    """
    if not 0.0 < margin <= 1.0:
        raise JudgeError(f"A margin of {margin:g} orders nothing; choose one above 0 and at most 1, for example 0.1.")
    readable = [draw for draw in draws if draw.better is not None and draw.worse is not None]
    right = [draw for draw in readable if orders_right(draw, measure, margin)]
    kept = right[_nearest_to_median([draw.worse.rewards for draw in right if draw.worse])] if right else None
    return Distilled(kept, len(right), len(readable) - len(right), len(draws) - len(readable))


def _nearest_to_median(curves: Sequence[tuple[float, ...]]) -> int:
    lengths = sorted({len(curve) for curve in curves})
    if len(lengths) > 1:
        raise JudgeError(f"Curves of {lengths} rewards cannot be compared; draw all with the same frames.")
    middle = [statistics.median(rewards) for rewards in zip(*curves, strict=True)]

    def distance(index: int) -> float:
        return math.fsum(abs(reward - median) for reward, median in zip(curves[index], middle, strict=True))

    return min(range(len(curves)), key=distance)
