"""How alike two scores of the same episodes are. Each takes how often each episode counts; see `figure.Statistic`."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.replay.labels.figure import Floats, Statistic, share
from vlm_judge_ros.replay.labels.pair_order import order_sum, pairs_apart


def mean(values: Floats) -> Statistic:
    """The mean."""
    return lambda counts: share(counts @ values, counts.sum(axis=1))


def pearson(first: Floats, second: Floats) -> Statistic:
    """Pearson's correlation; NaN where one of both does not vary."""
    one, two = (values - values.mean() if values.size else values for values in (first, second))
    columns = np.stack([one, two, one * two, one * one, two * two], axis=1)

    def correlation(counts: Floats) -> Floats:
        total = counts.sum(axis=1)
        one, two, together, one_alone, two_alone = (counts @ columns).T
        products = (together, one * two), (one_alone, one * one), (two_alone, two * two)
        return _correlation(total, *(of_product - share(of_sums, total) for of_product, of_sums in products))

    return correlation


def spearman(first: Floats, second: Floats) -> Statistic:
    """Spearman's rank correlation, equal values sharing the mean of their ranks; NaN where one does not vary."""

    def correlation(counts: Floats) -> Floats:
        total = counts.sum(axis=1)
        one, two = (_ranks(counts, values) - (total[:, None] + 1.0) / 2 for values in (first, second))
        products = (np.einsum("de,de,de->d", counts, *pair) for pair in ((one, two), (one, one), (two, two)))
        return _correlation(total, *products)

    return correlation


def kendall(first: Floats, second: Floats) -> Statistic:
    """Kendall's tau-b; NaN where one of both does not vary."""

    def tau(counts: Floats) -> Floats:
        apart = np.sqrt(pairs_apart(counts, first)) * np.sqrt(pairs_apart(counts, second))
        return np.clip(share(order_sum(counts, first, second), apart), -1.0, 1.0)

    return tau


def _ranks(counts: Floats, values: Floats) -> Floats:
    """Rank of each value among those that were drawn."""
    _, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    equal = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.cumsum(equal, axis=1) - equal / 2 + 0.5
    return np.asarray(ranks[:, place], dtype=np.float64)


def _correlation(total: Floats, together: Floats, first_alone: Floats, second_alone: Floats) -> Floats:
    """From sums over products of what is left beside the means."""
    # What is left of a constant after rounding is no variation.
    varies = (first_alone > 1e-12 * total) & (second_alone > 1e-12 * total)
    result = np.full(len(total), np.nan)
    spread = np.sqrt(first_alone[varies]) * np.sqrt(second_alone[varies])
    result[varies] = np.clip(together[varies] / spread, -1.0, 1.0)
    return result
