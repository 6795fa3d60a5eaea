"""Preference accuracy: how often a judge orders two episodes of one task as the truth does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlm_judge_ros.replay.labels.figure import Floats, Statistic, share
from vlm_judge_ros.replay.labels.pair_order import order_sum, pairs_apart


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
    groups = [np.flatnonzero((task_of == task) & np.isfinite(truth)) for task in range(task_of.max(initial=-1) + 1)]
    votes = [
        (first, second, vote)
        for (first, second), vote in (stated or {}).items()
        if first < second and task_of[first] == task_of[second]
    ]

    def right_of(counts: Floats) -> tuple[Floats, Floats]:
        alike, pairs = np.zeros(len(counts)), np.zeros(len(counts))
        for group in groups:
            alike += order_sum(counts[:, group], truth[group], judge[group])
            pairs += pairs_apart(counts[:, group], truth[group])
        for first, second, vote in votes:
            together = counts[:, first] * counts[:, second]
            by_score = float(np.nan_to_num(np.sign(truth[first] - truth[second])))
            alike += together * (vote - by_score) * np.sign(judge[first] - judge[second])
            pairs += together * (abs(vote) - abs(by_score))
        return (pairs + alike) / 2, pairs

    number = round(float(right_of(np.ones((1, len(judge))))[1][0]))
    return lambda counts: share(*right_of(counts)), number
