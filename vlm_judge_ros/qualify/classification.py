"""How well scores tell two kinds of episodes apart. Each takes how often each counts; see `figure.Statistic`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.replay.labels.figure import Floats, Statistic, share

BINS = 10


def auroc(scores: Floats, positive: Floats) -> Statistic:
    """Area under the receiver operating characteristic; equal scores are half right. NaN where one kind is missing.

    Args:
        scores: of each episode.
        positive: 1 for the kind that should score high, 0 for the other.
    """
    order, starts = _equal(scores)

    def area(counts: Floats) -> Floats:
        good, bad = _sums(counts, positive, order, starts)
        below = np.cumsum(bad, axis=1) - bad
        return share((good * (below + bad / 2.0)).sum(axis=1), good.sum(axis=1) * bad.sum(axis=1))

    return area


def average_precision(scores: Floats, positive: Floats) -> Statistic:
    """Area under the curve of precision over recall, as a sum of steps; equal scores are one threshold."""
    order, starts = _equal(-scores)

    def area(counts: Floats) -> Floats:
        good, bad = _sums(counts, positive, order, starts)
        precision = np.nan_to_num(share(np.cumsum(good, axis=1), np.cumsum(good + bad, axis=1)))
        return share((good * precision).sum(axis=1), good.sum(axis=1))

    return area


def calibration_error(probabilities: Floats, positive: Floats) -> Statistic:
    """Expected calibration error over ten bins of equal width, after arXiv 1706.04599."""
    bins = np.clip((probabilities * BINS).astype(np.intp), 0, BINS - 1)
    gaps = np.where(bins[:, None] == np.arange(BINS), (probabilities - positive)[:, None], 0.0)
    return lambda counts: share(np.abs(counts @ gaps).sum(axis=1), counts.sum(axis=1))


def quantile(values: Floats, part: float) -> Statistic:
    """The value below which a part of all lies, between two values on the line through them, as numpy has it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]

    def at(counts: Floats) -> Floats:
        upto = np.cumsum(counts[:, order], axis=1)
        place = np.maximum(upto[:, -1] - 1.0, 0.0) * part
        low, high = (
            ordered[np.minimum((upto <= index[:, None]).sum(axis=1), len(ordered) - 1)]
            for index in (np.floor(place), np.ceil(place))
        )
        return np.where(upto[:, -1] > 0.0, low + (high - low) * (place - np.floor(place)), np.nan)

    return at


def _equal(scores: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Order of rising scores, and the places in it at which another score begins."""
    order = np.argsort(scores, kind="stable")
    return order, np.flatnonzero(np.diff(scores[order], prepend=-np.inf))


def _sums(counts: Floats, positive: Floats, order: NDArray[np.intp], starts: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """How many positive and negative ones each score has, of shape (draws, scores)."""
    good = np.add.reduceat((counts * positive)[:, order], starts, axis=1)
    every = np.add.reduceat(counts[:, order], starts, axis=1)
    return good, every - good
