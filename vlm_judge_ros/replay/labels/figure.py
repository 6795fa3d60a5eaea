"""A figure with the interval in which it lies, by drawing the episodes anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
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

    Args:
        statistic: what is computed.
        episodes: how many there are.
        n: how many things the figure rests on, where these are not the episodes.
        undefined: the reason where all episodes together give no value.
    """
    n = episodes if n is None else n
    if n == 0:
        return Figure(None, None, None, 0, "nobody has labelled what it needs")
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
