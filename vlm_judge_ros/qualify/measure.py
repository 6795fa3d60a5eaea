"""A figure before it is computed, so that its interval, and its difference from another judge's, can be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.replay.labels.figure import (
    CONFIDENCE,
    Figure,
    Floats,
    Statistic,
    figure,
    share,
    widened,
    wilson_interval,
)

Places: TypeAlias = NDArray[np.intp]
Interval: TypeAlias = tuple[float, float]

_AT_ONCE = 4_000_000
"""So many counts are held in memory for one statistic."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of some episodes.

    Attributes:
        statistic: takes how often each row counts, of shape (draws, rows).
        episodes: for each row, the place of its episode among all; rows of one episode are drawn together.
        n: how many episodes, pairs or answers it rests on.
        undefined: why there is no value, where there is none.
        exact: the interval, where it follows from counts alone and need not be drawn.
        trials: of a share of pairs or answers, how many of these tell nothing of each other. Drawing tells nothing of a
            share that is 0 or 1; its interval holds Wilson's for so many.
    """

    statistic: Statistic
    episodes: Places
    n: int
    undefined: str
    exact: Interval | None = None
    trials: int | None = None

    def at(self, counts: Floats, places: Places) -> Floats:
        """The values where each row counts as `counts` says of its episode, which has its place in `places`."""
        columns = np.searchsorted(places, self.episodes)
        rows = max(1, len(columns))
        step = max(1, _AT_ONCE // rows)
        parts = [self.statistic(counts[begin : begin + step, columns]) for begin in range(0, len(counts), step)]
        return np.concatenate(parts)


def mean_of(values: Sequence[float | None], undefined: str) -> Measure:
    """The mean over the episodes that have a value."""
    return ratio_of(values, [None if value is None else 1.0 for value in values], undefined)


def ratio_of(
    parts: Sequence[float | None], wholes: Sequence[float | None], undefined: str, n: int | None = None
) -> Measure:
    """The sum of the parts by the sum of the wholes, over the episodes that have both."""
    known = [(p, part, whole) for p, (part, whole) in enumerate(zip(parts, wholes, strict=True)) if part is not None]
    part_of, whole_of = (np.array([row[column] for row in known], dtype=np.float64) for column in (1, 2))
    return Measure(
        lambda counts: share(counts @ part_of, counts @ whole_of),
        np.array([row[0] for row in known], dtype=np.intp),
        len(known) if n is None else n,
        undefined,
    )


def share_of(hits: Sequence[bool | None], undefined: str) -> Measure:
    """The share of hits among the episodes of which it is known, with the interval of Wilson (1927)."""
    known = [hit for hit in hits if hit is not None]
    measure = mean_of([None if hit is None else float(hit) for hit in hits], undefined)
    exact = wilson_interval(sum(known), len(known)) if known else None
    return Measure(measure.statistic, measure.episodes, measure.n, undefined, exact)


def none_in(whole: float) -> Interval:
    """The exact 95 % interval of the rate of events of which none was seen in so much time, in units of its inverse."""
    return 0.0, -math.log((1.0 - CONFIDENCE) / 2.0) / whole


def card_figure(measure: Measure) -> CardFigure:
    """Compute a figure and its interval: the exact one, or the middle 95 % of 1000 draws of its episodes."""
    places = np.unique(measure.episodes)
    if measure.exact is not None:
        return CardFigure(value=_value(measure), low=measure.exact[0], high=measure.exact[1], n=measure.n)
    trials = measure.trials if _value(measure) in (0.0, 1.0) else None
    return _drawn(lambda counts: measure.at(counts, places), len(places), measure.n, measure.undefined, trials)


def difference(first: Measure, second: Measure) -> CardFigure:
    """Compute by how much the first is larger, both drawn with the same episodes of the same list.

    Two shares whose difference is the same in every draw get the interval of Newcombe (1998) for independent shares,
    which is rather too wide than too narrow here, not one without width.
    """
    lacking = next((measure for measure in (first, second) if not math.isfinite(_value(measure))), None)
    if lacking is not None:
        return CardFigure(value=None, n=0, reason=lacking.undefined)
    places = np.union1d(first.episodes, second.episodes)
    drawn = _drawn(lambda counts: first.at(counts, places) - second.at(counts, places), len(places), len(places), "")
    one, two = _held_by(first), _held_by(second)
    if drawn.value is None or drawn.low != drawn.high or one is None or two is None:
        return drawn
    below = math.hypot(_value(first) - one[0], two[1] - _value(second))
    above = math.hypot(one[1] - _value(first), _value(second) - two[0])
    return CardFigure(value=drawn.value, low=drawn.value - below, high=drawn.value + above, n=drawn.n)


def _held_by(measure: Measure) -> Interval | None:
    """The interval of a share that has one where all draws agree; None for other figures."""
    if measure.trials is not None:
        return wilson_interval(_value(measure) * measure.trials, measure.trials)
    return measure.exact


def _value(measure: Measure) -> float:
    places = np.unique(measure.episodes)
    return float(measure.at(np.ones((1, len(places))), places)[0]) if measure.n else math.nan


def _drawn(statistic: Statistic, episodes: int, n: int, undefined: str, trials: int | None = None) -> CardFigure:
    if n == 0:
        return CardFigure(value=None, n=0, reason=undefined)
    found: Figure = figure(statistic, episodes, n, undefined)
    if trials is not None:
        found = widened(found, trials)
    low, high = found.low, found.high
    if found.value is not None and low is not None and high is not None:
        # Drawing anew adds scatter, which moves what scatter alone makes larger, such as a calibration error.
        low, high = min(low, found.value), max(high, found.value)
    return CardFigure(value=found.value, low=low, high=high, n=found.n, reason=found.reason)
