"""Whether final progress agrees with what people, or a simulator, say of how far the task came."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from vlm_judge_ros.qualify.measure import Measure
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.replay.labels.correlation import kendall, pearson, spearman
from vlm_judge_ros.replay.labels.figure import Floats
from vlm_judge_ros.replay.labels.preference import preference_accuracy

_NO_SCORE = "no episode with a final progress has a true score"
_CONSTANT = "all final progress, or all true scores, are the same"
_NO_PAIR = "no two episodes of one task with a final progress have different true scores, or were compared by people"
_NOT_COMPARED = "people prefer none of two episodes of one task with a final progress"


def scored(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """The figures of agreement with true scores, and with what people prefer."""
    told = [place for place, each in enumerate(episodes) if math.isfinite(each.trace.final_progress)]
    known = [place for place in told if episodes[place].score is not None]
    compared = [place for place in told if episodes[place].preferred]
    judge, truth = _progress(episodes, known), _scores(episodes, known)
    return {
        "preference_accuracy": _preferences(episodes, sorted({*known, *compared}), _NO_PAIR),
        "preference_accuracy_of_people": _preferences(episodes, compared, _NOT_COMPARED, by_score=False),
        **{
            name: Measure(
                statistic(judge, truth),
                np.array(known, dtype=np.intp),
                len(known),
                _CONSTANT if known else _NO_SCORE,
            )
            for name, statistic in (("pearson", pearson), ("spearman", spearman), ("kendall", kendall))
        },
    }


def _preferences(
    episodes: Sequence[QualifiedEpisode], places: Sequence[int], undefined: str, by_score: bool = True
) -> Measure:
    """Preference accuracy over the episodes at these places, by true scores too or by what people prefer alone."""
    rows = {episodes[place].key: row for row, place in enumerate(places)}
    stated = {
        (row, rows[other]): vote
        for row, place in enumerate(places)
        for other, vote in episodes[place].preferred.items()
        if other in rows
    }
    truth = _scores(episodes, places) if by_score else np.full(len(places), math.nan)
    tasks = [episodes[place].task for place in places]
    accuracy, pairs = preference_accuracy(_progress(episodes, places), truth, tasks, stated)
    return Measure(accuracy, np.array(places, dtype=np.intp), pairs, undefined, trials=min(pairs, len(places) // 2))


def _progress(episodes: Sequence[QualifiedEpisode], places: Sequence[int]) -> Floats:
    return np.array([episodes[place].trace.final_progress for place in places], dtype=np.float64)


def _scores(episodes: Sequence[QualifiedEpisode], places: Sequence[int]) -> Floats:
    """True scores; NaN where there is none."""
    scores = [episodes[place].score for place in places]
    return np.array([math.nan if score is None else score for score in scores], dtype=np.float64)
