"""Where a moment lies among others whose progress is known, from comparisons with each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vlm_judge_ros.judges.comparison import Comparison

CLEAR = 0.9
"""From this score on a comparison says which, and no longer by how much."""

_SUREST = 1.0 - 1e-6


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a moment lies.

    Attributes:
        progress: 0 to 1.
        low: lower end of an interval around it.
        high: upper end.
        blurred: width of what doubt and dependence on order alone leave open, 0 to 1.
    """

    progress: float
    low: float
    high: float
    blurred: float


def place(progress: Sequence[float], comparisons: Sequence[Comparison]) -> Placement:
    """Place a moment among references.

    By the model of Bradley and Terry the log-odds that it is closer to done than a reference fall with the progress of
    the reference. Between references they are taken as a straight line, and where they are zero the moment lies. Where
    they rise instead, they are levelled first. Beyond the outermost references nothing is extrapolated.

    Where the moment is clearly beyond one reference and clearly before the next, the interval has both: how far it lies
    between them such comparisons do not tell.

    Args:
        progress: of the references, at least one.
        comparisons: of the moment, as the first, with each of the references. Readable ones.
    """
    order = sorted(range(len(progress)), key=lambda index: (progress[index], comparisons[index].score))
    at = [progress[index] for index in order]
    middle, under, over = (
        [comparisons[index].score + sign * comparisons[index].spread for index in order] for sign in (0, -1, 1)
    )
    value = _crossing(at, middle)
    low, high = min(value, _crossing(at, under)), max(value, _crossing(at, over))
    blurred = max(high - low, _width(at, middle))
    below = [index for index, where in enumerate(at) if where <= value]
    above = [index for index, where in enumerate(at) if where >= value]
    if below and above and under[below[-1]] >= CLEAR and over[above[0]] <= -CLEAR:
        low, high = min(low, at[below[-1]]), max(high, at[above[0]])
    if value >= at[-1] and middle[-1] > 0.0:
        high = 1.0
    if value <= at[0] and middle[0] < 0.0:
        low = 0.0
    return Placement(value, low, high, blurred)


def _crossing(at: Sequence[float], scores: Sequence[float]) -> float:
    left, right = _zero(at, scores)
    return (left + right) / 2.0


def _width(at: Sequence[float], scores: Sequence[float]) -> float:
    left, right = _zero(at, scores)
    return right - left


def _zero(at: Sequence[float], scores: Sequence[float]) -> tuple[float, float]:
    """Ends of where the levelled log-odds are zero; the nearest end of all where they nowhere are."""
    odds = _levelled([2.0 * math.atanh(min(_SUREST, max(-_SUREST, score))) for score in scores])
    left = right = None
    for index, (where, value) in enumerate(zip(at, odds, strict=True)):
        after = odds[index + 1] if index + 1 < len(odds) else None
        if value > 0.0:
            left = where
            if after is not None and after < 0.0:
                left = right = where + (at[index + 1] - where) * value / (value - after)
                break
            if after is not None and after == 0.0:
                left = at[index + 1]
        elif value < 0.0:
            right = at[max(0, index - 1)]
            break
    return at[0] if left is None else left, at[-1] if right is None else right


def _levelled(values: Sequence[float]) -> list[float]:
    """The nearest values that never rise, by pooling neighbours that do."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] * count < total * pools[-1][1]:
            before, length = pools.pop()
            total, count = total + before, count + length
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]
