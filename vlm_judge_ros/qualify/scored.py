"""Whether final progress agrees with the scores that people, or a simulator, gave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from vlm_judge_ros.qualify.measure import Measure
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.replay.labels.correlation import kendall, pearson, spearman
from vlm_judge_ros.replay.labels.preference import preference_accuracy

_NO_SCORE = "no episode with a final progress has a true score"
_CONSTANT = "all final progress, or all true scores, are the same"


def scored(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """The figures of agreement with true scores."""
    known = [
        (place, each.trace.final_progress, each.score, each.task)
        for place, each in enumerate(episodes)
        if each.score is not None and math.isfinite(each.trace.final_progress)
    ]
    places = np.array([row[0] for row in known], dtype=np.intp)
    judge, truth = (np.array([row[column] for row in known], dtype=np.float64) for column in (1, 2))
    accuracy, pairs = preference_accuracy(judge, truth, [row[3] for row in known])
    no_pair = "no two episodes of one task with a final progress have different true scores"
    return {
        "preference_accuracy": Measure(accuracy, places, pairs, no_pair, trials=min(pairs, len(known) // 2)),
        **{
            name: Measure(statistic(judge, truth), places, len(known), _CONSTANT if known else _NO_SCORE)
            for name, statistic in (("pearson", pearson), ("spearman", spearman), ("kendall", kendall))
        },
    }
