"""How alike two scores of the same episodes are. Each takes how often each episode counts; see `figure.Statistic`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vlm_judge_ros.replay.labels.figure import Floats, Statistic, share

_ROWS = 256


def mean(values: Floats) -> Statistic:
    """The mean."""
    return lambda counts: share(counts @ values, counts.sum(axis=1))


def pearson(first: Floats, second: Floats) -> Statistic:
    """Pearson's correlation; NaN where one of both does not vary."""
    return lambda counts: _correlation(counts, np.broadcast_to(first, counts.shape), second)


def spearman(first: Floats, second: Floats) -> Statistic:
    """Spearman's rank correlation, equal values sharing the mean of their ranks; NaN where one does not vary."""
    return lambda counts: _correlation(counts, _ranks(counts, first), _ranks(counts, second))


def kendall(first: Floats, second: Floats) -> Statistic:
    """Kendall's tau-b; NaN where one of both does not vary."""

    def signs(rows: slice, columns: slice) -> Sequence[Floats]:
        one, two = (np.sign(values[rows, None] - values[None, columns]) for values in (first, second))
        return one * two, np.abs(one), np.abs(two)

    def tau(counts: Floats) -> Floats:
        agreeing, one, two = pair_sums(counts, signs)
        return np.clip(share(agreeing, np.sqrt(one) * np.sqrt(two)), -1.0, 1.0)

    return tau


def pair_sums(counts: Floats, matrices: Callable[[slice, slice], Sequence[Floats]]) -> list[Floats]:
    """Sums over all pairs of episodes, each pair as often as its episodes were drawn, in memory that stays small.

    Args:
        counts: of shape (draws, episodes).
        matrices: gives some rows and columns of symmetric matrices of shape (episodes, episodes) whose entries are
            multiples of a half between -1 and 1; sums of each are returned.
    """
    episodes = counts.shape[1]
    short = counts.astype(np.float32)  # exact: a sum of halves over fewer than 2**22 episodes
    sums: list[Floats] = []
    for begin in range(0, episodes, _ROWS):
        rows, columns = slice(begin, begin + _ROWS), slice(begin, episodes)
        drawn = short[:, columns].copy()
        drawn[:, _ROWS:] *= 2.0  # each pair beyond this square stands for the one on the other side of the diagonal
        parts = [
            np.einsum("de,de->d", counts[:, rows], (drawn @ matrix.T.astype(np.float32)).astype(np.float64))
            for matrix in matrices(rows, columns)
        ]
        sums = [old + new for old, new in zip(sums, parts, strict=True)] if sums else parts
    return sums


def _ranks(counts: Floats, values: Floats) -> Floats:
    """Rank of each value among those that were drawn."""
    _, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    equal = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.cumsum(equal, axis=1) - equal / 2 + 0.5
    return np.asarray(ranks[:, place], dtype=np.float64)


def _correlation(counts: Floats, first: Floats, second: Floats) -> Floats:
    total = counts.sum(axis=1, keepdims=True)
    one, two = (values - share((counts * values).sum(axis=1, keepdims=True), total) for values in (first, second))
    together, first_alone, second_alone = (
        (counts * product).sum(axis=1) for product in (one * two, one * one, two * two)
    )
    # What is left of a constant after rounding is no variation.
    smallest = 1e-12 * total[:, 0]
    varies = (first_alone > smallest) & (second_alone > smallest)
    result = share(together, np.sqrt(first_alone) * np.sqrt(second_alone))
    return np.where(varies, np.clip(result, -1.0, 1.0), np.nan)
