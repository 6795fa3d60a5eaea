"""How many pairs of episodes two values order alike, without looking at every pair."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.replay.labels.figure import Floats


def order_sum(counts: Floats, first: Floats, second: Floats) -> Floats:
    """Pairs that both values order alike, minus those that they order in opposite ways; a tie in either counts nothing.

    Takes the values in order and keeps sums over those that came before in a binary indexed tree (Fenwick, "A new data
    structure for cumulative frequency tables", 1994), so its time grows with n log n. Counts are whole, so it is exact.

    Args:
        counts: how often each episode was drawn, of shape (draws, episodes); a pair counts as often as both together.
        first: a value for each episode.
        second: another one.

    Returns:
        A sum for each draw.
    """
    rank = np.unique(second, return_inverse=True)[1] + 1
    ranks = int(rank.max(initial=0))
    weights = np.ascontiguousarray(counts.T)
    tree = np.zeros((ranks + 1, counts.shape[0]))
    before, total = np.zeros(counts.shape[0]), np.zeros(counts.shape[0])
    order = np.argsort(first, kind="stable")
    for equal in np.split(order, np.flatnonzero(np.diff(first[order])) + 1):
        for index in equal:
            below, not_above = _up_to(tree, rank[index] - 1), _up_to(tree, rank[index])
            total += weights[index] * (below + not_above - before)
        for index in equal:
            place = int(rank[index])
            while place <= ranks:
                tree[place] += weights[index]
                place += place & -place
            before += weights[index]
    return total


def pairs_apart(counts: Floats, values: Floats) -> Floats:
    """How many pairs differ in a value; arguments and result as of `order_sum`."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=np.nan) != 0.0)
    equal = np.add.reduceat(counts[:, order], starts, axis=1) if starts.size else np.zeros((len(counts), 0))
    return np.asarray((counts.sum(axis=1) ** 2 - (equal**2).sum(axis=1)) / 2, dtype=np.float64)


def _up_to(tree: Floats, rank: int) -> Floats:
    """Sum over all that came before with at most this rank, from 1."""
    place, found = int(rank), np.zeros(tree.shape[1])
    while place > 0:
        found += tree[place]
        place -= place & -place
    return found
