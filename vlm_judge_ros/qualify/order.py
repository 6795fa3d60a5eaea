"""Whether progress follows the task and not the time: value-order correlation with its controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from vlm_judge_ros.qualify.clock import clocks
from vlm_judge_ros.qualify.measure import Measure, mean_of, share_of
from vlm_judge_ros.qualify.qualified_episode import Control, QualifiedEpisode
from vlm_judge_ros.replay.labels.figure import Floats
from vlm_judge_ros.replay.trace import Answer, Curve

FEWEST_ANSWERS = 3

# Two numbers that differ by less are the same to a reader, and so is the noise of arithmetic.
_DECIMALS = 6

_NO_SUCCESS = "no episode with three answers or more is known to be a success"


def value_order(times_s: Floats, progress: Floats) -> float | None:
    """Value-order correlation of one episode: Spearman's rank correlation of progress with time.

    Args:
        times_s: of the answers.
        progress: in the answers; NaN where they tell none. Differences below a millionth count as none.

    Returns:
        0 where progress does not change, and where fewer than three answers tell it; None where fewer than three were
        given.
    """
    if len(times_s) < FEWEST_ANSWERS:
        return None
    told = np.isfinite(progress)
    if told.sum() < FEWEST_ANSWERS:
        return 0.0
    one, two = _centred_ranks(times_s[told]), _centred_ranks(np.round(progress[told], _DECIMALS))
    spread = math.sqrt(float(one @ one) * float(two @ two))
    return float(np.clip(one @ two / spread, -1.0, 1.0)) if spread > 0.0 else 0.0


def order(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """The figures of order in time."""
    measures = {
        "voc": mean_of([_voc(each) for each in episodes], _NO_SUCCESS),
        **{
            f"voc_{control.value}": mean_of([_voc_of(each, control) for each in episodes], _unshown(control))
            for control in Control
        },
    }
    by_clock = [
        value_order(until, clock.progress(until)) if each.success and clock is not None else None
        for each, clock in zip(episodes, clocks(episodes), strict=True)
        for until in [times(_until_complete(each))]
    ]
    return {
        **measures,
        "voc_clock": mean_of(by_clock, _NO_SUCCESS),
        "voc_truth": mean_of(
            [_voc_of_truth(each) for each in episodes],
            "of no success with three answers or more is it known how far it was over time",
        ),
        "static_range": mean_of(
            [_range(each.controls.get(Control.STATIC, ())) for each in episodes],
            "no episode was shown as one moment again and again with answers that tell progress",
        ),
        "wrong_task_lower": share_of([_wrong_task_lower(each) for each in episodes], _unshown(Control.WRONG_TASK)),
    }


def times(answers: Sequence[Answer]) -> Floats:
    """When the answers were given, seconds from the start."""
    return np.array([answer.time_s for answer in answers], dtype=np.float64)


def progress(answers: Sequence[Answer]) -> Floats:
    """The progress in the answers; NaN where they tell none."""
    return np.array([answer.progress for answer in answers], dtype=np.float64)


def true_progress(curve: Curve, times_s: Floats) -> Floats:
    """The newest true progress that is not later than each moment; NaN where there is none."""
    newest = np.searchsorted(np.array(curve.times_s, dtype=np.float64), times_s, side="right")
    return np.array([np.nan, *curve.values], dtype=np.float64)[newest]


def _centred_ranks(values: Floats) -> Floats:
    """Ranks less their mean, equal values sharing the mean of theirs; multiples of a half, so that sums are exact."""
    _, place, equal = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(equal) - (equal - 1) / 2.0
    return np.asarray(ranks[place] - (len(values) + 1) / 2.0, dtype=np.float64)


def _until_complete(episode: QualifiedEpisode) -> tuple[Answer, ...]:
    complete_s = math.inf if episode.completed_s is None else episode.completed_s
    return tuple(answer for answer in episode.trace.answers if answer.time_s <= complete_s)


def _voc(episode: QualifiedEpisode) -> float | None:
    answers = _until_complete(episode)
    return value_order(times(answers), progress(answers)) if episode.success else None


def _voc_of(episode: QualifiedEpisode, control: Control) -> float | None:
    answers = episode.controls.get(control, ())
    return value_order(times(answers), progress(answers)) if episode.success else None


def _voc_of_truth(episode: QualifiedEpisode) -> float | None:
    if not episode.success or not episode.true_progress.values:
        return None
    until = times(_until_complete(episode))
    return value_order(until, true_progress(episode.true_progress, until))


def _range(answers: Sequence[Answer]) -> float | None:
    told = [answer.progress for answer in answers if math.isfinite(answer.progress)]
    return max(told) - min(told) if told else None


def _last(answers: Sequence[Answer]) -> float | None:
    return next((answer.progress for answer in reversed(answers) if math.isfinite(answer.progress)), None)


def _wrong_task_lower(episode: QualifiedEpisode) -> bool | None:
    right, wrong = _last(episode.trace.answers), _last(episode.controls.get(Control.WRONG_TASK, ()))
    return None if not episode.success or right is None or wrong is None else wrong < right


def _unshown(control: Control) -> str:
    return f"no success was shown as the control `{control.value}` with answers that tell enough"
