"""Where in some reference courses an episode is: a hidden Markov filter over positions, forward in time only.

The states are positions in each reference (a left-to-right model with loops, as in Rabiner 1989). Between two looks a
position may stay, go on at up to a few times the reference's speed, go back a little or a lot, or change to the same
share of another reference. So a pause, a slower run, a detour and undoing are all likely enough to be followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STAY, _BACK, _ANYWHERE, _OTHER = 0.2, 0.1, 0.02, 0.1
_FASTEST = 2.5
# One look makes a position at most so many times likelier than another, so no single picture decides.
_DOUBT = 0.02
_START_SHARE = 0.1
_START_DOUBT = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """Where the episode is after one look.

    Attributes:
        weights: probability of each position of each reference, shape (references, positions).
        progress: mean share of the way.
        low: lower end of the middle 80 % of the share of the way.
        high: upper end of it.
    """

    weights: Floats
    progress: float
    low: float
    high: float

    def within(self, least: float, shares: Floats) -> float:
        """Probability that the share of the way is at least this."""
        return float(self.weights[shares >= least].sum())


def follow(
    squares: Floats, gaps_s: Sequence[float], moved: Sequence[bool], shares: Floats, lengths_s: Floats, noise: float
) -> Iterator[Belief]:
    """Follow an episode look by look; each belief depends only on the looks so far.

    Args:
        squares: squared distance of each look to each position, shape (looks, references, positions).
        gaps_s: seconds since the look before; what the first one says does not matter.
        moved: whether the look differs from the one before by more than noise. Looks that do not are no news.
        shares: share of the way at each position, 0 to 1, shape (references, positions).
        lengths_s: seconds from start to end of each reference, shape (references,).
        noise: distance that is nothing but noise, above 0.
    """
    references, positions = shares.shape
    start = np.exp(-np.arange(positions) / (_START_SHARE * positions))
    row = (1.0 - _START_DOUBT) * start / start.sum() + _START_DOUBT / positions
    weights: Floats = np.tile(row / references, (references, 1))
    belief: Belief | None = None
    for look, gap_s, news in zip(squares, gaps_s, moved, strict=True):
        if belief is not None and not news:
            yield belief
            continue
        if belief is not None:
            weights = _moved_on(weights, gap_s, lengths_s)
        evidence = np.exp(-(look - look.min()) / (2.0 * noise**2))
        weights = weights * (evidence + _DOUBT)
        weights = weights / weights.sum()
        belief = _belief(weights, shares)
        yield belief


def _belief(weights: Floats, shares: Floats) -> Belief:
    order = np.argsort(shares, axis=None, kind="stable")
    climbed = np.cumsum(weights.ravel()[order])
    ends = np.searchsorted(climbed, (0.1, 0.9)).clip(max=order.size - 1)
    low, high = shares.ravel()[order][ends]
    progress = float(np.clip((weights * shares).sum(), 0.0, 1.0))
    return Belief(weights, progress, min(float(low), progress), max(float(high), progress))


def _moved_on(weights: Floats, gap_s: float, lengths_s: Floats) -> Floats:
    """What the positions may have become after some seconds."""
    positions = weights.shape[1]
    rows = []
    for row, length_s in zip(weights, lengths_s, strict=True):
        # Rounded, so that the same few matrices serve again and again.
        steps = round(gap_s / length_s * (positions - 1), 1)
        rows.append(row @ _transitions(positions, steps))
    after = np.stack(rows)
    if len(after) > 1:
        after = (1.0 - _OTHER) * after + _OTHER * after.mean(axis=0)
    return after


@lru_cache(maxsize=512)
def _transitions(positions: int, steps: float) -> Floats:
    """Probability of each position (columns) after each (rows), where the reference itself goes on by some steps."""
    offset = np.arange(positions)[None, :] - np.arange(positions)[:, None]
    reach = max(_FASTEST * steps, 1.0)
    # Half as fast to as fast as the reference is likeliest; then it falls to 0 at the greatest speed.
    forward = np.where((offset >= 0) & (offset <= reach), np.minimum(1.0, (reach + 1 - offset) / (0.6 * reach + 1)), 0)
    backward = np.where((offset < 0) & (offset >= -reach), 1.0, 0.0)
    matrix = np.full((positions, positions), _ANYWHERE / positions)
    matrix += _STAY * np.eye(positions)
    for part, share in ((forward, 1.0 - _STAY - _BACK - _ANYWHERE), (backward, _BACK)):
        total = part.sum(axis=1, keepdims=True)
        matrix += share * np.divide(part, total, out=np.zeros_like(part, dtype=np.float64), where=total > 0)
    matrix /= matrix.sum(axis=1, keepdims=True)
    matrix.flags.writeable = False
    return matrix
