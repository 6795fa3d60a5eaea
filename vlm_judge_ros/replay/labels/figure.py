"""A figure with the interval in which it lies: by drawing the episodes anew, and for shares after Wilson."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]
"""Takes how often each episode was drawn, of shape (draws, episodes), and gives a value for each draw; NaN where it is
not defined."""

DRAWS = 1000
SEED = 20
CONFIDENCE = 0.95
NOBODY = "nobody has labelled what it needs"
"""Why a figure that rests on nothing has no value."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        value: None where it is not defined.
        low: lower end of the 95 % interval; None where there is none.
        high: upper end of the 95 % interval; None where there is none.
        n: how many episodes, or pairs of episodes, it rests on.
        reason: why something is None; empty where nothing is.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


def figure(statistic: Statistic, episodes: int, n: int | None = None, undefined: str = "it is not defined") -> Figure:
    """Compute a figure and its interval: the middle 95 % of 1000 draws of as many episodes, with repetition.

    For a share `figure_of_share` is right: draws from episodes that all went the same way are all the same.

    Args:
        statistic: what is computed.
        episodes: how many there are.
        n: how many things the figure rests on, where these are not the episodes.
        undefined: the reason where all episodes together give no value.
    """
    n = episodes if n is None else n
    if n == 0:
        return Figure(None, None, None, 0, NOBODY)
    value = float(statistic(np.ones((1, episodes)))[0])
    if not np.isfinite(value):
        return Figure(None, None, None, n, undefined)
    if episodes < 2:
        return Figure(value, None, None, n, "one episode gives no interval")
    values = statistic(_drawn(episodes))
    values = values[np.isfinite(values)]
    if values.size < DRAWS / 2:
        return Figure(value, None, None, n, "too few episodes for an interval")
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Figure(value, float(low), float(high), n)


def figure_over_rows(statistic: Statistic, episodes: Sequence[int], undefined: str = "it is not defined") -> Figure:
    """A figure over rows of which several may be of one episode; episodes are drawn, with all their rows.

    Args:
        statistic: what is computed; takes how often each row was drawn.
        episodes: for each row a number of its episode.
        undefined: the reason where all rows together give no value.
    """
    known, row_of = np.unique(np.array(episodes, dtype=np.int64), return_inverse=True)
    return figure(lambda counts: statistic(counts[:, row_of]), len(known), undefined=undefined)


def figure_of_share(
    hits: Sequence[bool] | NDArray[np.bool_], episodes: Sequence[int] | None = None, undefined: str = NOBODY
) -> Figure:
    """The share of what is true, with the interval after Wilson (1927), which has a width at 0 and 1 as well.

    Where several rows may be of one episode they tell less than as many episodes would. Then the interval is that of
    drawn episodes (`figure_over_rows`), widened to hold Wilson's for the rows, as if each told all it could. Where all
    rows say the same, drawing tells nothing of how alike the rows of one episode are; then they are taken to be wholly
    alike, and it holds Wilson's for the episodes, the widest that can be needed.

    Args:
        hits: what is counted, one for each episode or row.
        episodes: for each row a number of its episode; None where each row is an episode of its own.
        undefined: the reason where there are no rows.
    """
    counted = np.asarray(hits, dtype=np.float64)
    if counted.size == 0:
        return Figure(None, None, None, 0, undefined)
    value, rows = float(counted.mean()), counted.size
    if episodes is None or len(set(episodes)) == rows:
        return Figure(value, *wilson_interval(float(counted.sum()), rows), rows)
    drawn = figure_over_rows(lambda counts: share(counts @ counted, counts.sum(axis=1)), episodes)
    return widened(drawn, rows if 0.0 < value < 1.0 else drawn.n)


def widened(drawn: Figure, trials: int) -> Figure:
    """The figure of a share with its interval widened to hold Wilson's for so many trials; none where it has none."""
    if drawn.value is None or drawn.low is None or drawn.high is None:
        return drawn
    low, high = wilson_interval(drawn.value * trials, trials)
    return replace(drawn, low=min(drawn.low, low), high=max(drawn.high, high))


def wilson_interval(hits: float, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share after Wilson, "Probable inference" (1927), without correction; 0 to 1 for no trials.

    Args:
        hits: how many of the trials are counted.
        trials: how many there are.
    """
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    value, squared = hits / trials, z * z / trials
    middle = (value + squared / 2) / (1 + squared)
    half = ((value * (1 - value) + squared / 4) * squared) ** 0.5 / (1 + squared)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    # Rounding leaves the ends a hair away from 0 and 1, and so from the share itself.
    return low if hits > 0 else 0.0, high if hits < trials else 1.0


@lru_cache(maxsize=4)
def _drawn(episodes: int) -> Floats:
    """How often each episode is drawn; the same for all figures over as many episodes."""
    drawn = np.random.default_rng(SEED).multinomial(episodes, np.full(episodes, 1.0 / episodes), size=DRAWS)
    counts = drawn.astype(np.float64)
    counts.flags.writeable = False
    return counts


def share(part: Floats, whole: Floats) -> Floats:
    """Quotients; NaN where the divisor is 0."""
    quotients: Floats = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0.0)
    return quotients
