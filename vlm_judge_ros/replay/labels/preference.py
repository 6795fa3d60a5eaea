"""Preference accuracy: how often a judge orders two episodes of one task as the truth does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlm_judge_ros.replay.labels.correlation import pair_sums
from vlm_judge_ros.replay.labels.figure import Floats, Statistic, share


def preference_accuracy(
    judge: Floats, truth: Floats, tasks: Sequence[str], stated: Mapping[tuple[int, int], float] | None = None
) -> tuple[Statistic, int]:
    """Share of the pairs of episodes of one task that a judge orders as the truth does, after arXiv 2606.01036.

    Pairs of all tasks count together, so that each task counts by its pairs. Those that are equal in truth do not
    count; one that is equal to the judge is half right.

    Args:
        judge: scores of the judge.
        truth: true scores of the same episodes; NaN where there is none.
        tasks: of the same episodes.
        stated: above 0 where the first of two episodes, told by their places, is said to be better; goes before their
            scores, and is given both ways round.

    Returns:
        The share, and how many pairs it rests on.
    """
    task_of = np.unique(np.array(tasks, dtype=str), return_inverse=True)[1]

    def orders(rows: slice, columns: slice) -> Sequence[Floats]:
        better = np.nan_to_num(np.sign(truth[rows, None] - truth[None, columns]))
        for (first, second), vote in (stated or {}).items():
            if rows.start <= first < rows.stop and second >= columns.start:
                better[first - rows.start, second - columns.start] = vote
        better *= task_of[rows, None] == task_of[None, columns]
        right = (1.0 + better * np.sign(judge[rows, None] - judge[None, columns])) / 2
        counts = np.abs(better)
        return right * counts, counts

    def accuracy(counts: Floats) -> Floats:
        right, pairs = pair_sums(counts, orders)
        return share(right, pairs)

    if not len(judge):
        return accuracy, 0
    return accuracy, round(pair_sums(np.ones((1, len(judge))), orders)[1][0] / 2)
