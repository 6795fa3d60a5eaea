"""How far the progress that a judge tells is from the truth, over time and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlm_judge_ros.qualify.clock import Clock, clocks
from vlm_judge_ros.qualify.measure import Measure, mean_of, ratio_of, share_of
from vlm_judge_ros.qualify.order import progress as progress_of
from vlm_judge_ros.qualify.order import times, true_progress
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.replay.labels.figure import Floats
from vlm_judge_ros.verdict.verdict import State

_NO_TRUTH = "no answer tells progress at a moment whose true progress is known"


def progress(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """The figures of progress over time."""
    errors = [_errors(each) for each in episodes]
    by_clock = [_clock_errors(each, clock) for each, clock in zip(episodes, clocks(episodes), strict=True)]
    return {
        "mae": _mean_error([np.abs(each) for each in errors], _NO_TRUTH),
        "mae_clock": _mean_error([np.abs(each) for each in by_clock], f"{_NO_TRUTH}, or no episode is a success"),
        "optimism": _mean_error(errors, _NO_TRUTH),
        "early_completion": share_of(
            [_early(each) for each in episodes], "of no episode is it known when, or that never, the task was complete"
        ),
        "early_completion_s": mean_of(
            [_early_s(each) for each in episodes], "of no success is it known when the task was complete"
        ),
    }


def _errors(episode: QualifiedEpisode) -> Floats:
    answers = episode.trace.answers
    errors = progress_of(answers) - true_progress(episode.true_progress, times(answers))
    return errors[np.isfinite(errors)]


def _clock_errors(episode: QualifiedEpisode, clock: Clock | None) -> Floats:
    if clock is None:
        return np.array([], dtype=np.float64)
    times_s = times([answer for answer in episode.trace.answers if np.isfinite(answer.progress)])
    errors = clock.progress(times_s) - true_progress(episode.true_progress, times_s)
    return errors[np.isfinite(errors)]


def _mean_error(errors: Sequence[Floats], undefined: str) -> Measure:
    return ratio_of(
        [float(each.sum()) if each.size else None for each in errors],
        [float(each.size) if each.size else None for each in errors],
        undefined,
        n=sum(each.size for each in errors),
    )


def _claimed_s(episode: QualifiedEpisode) -> float | None:
    return next((ruling.time_s for ruling in episode.trace.rulings if ruling.state is State.SUCCEEDED), None)


def _early(episode: QualifiedEpisode) -> bool | None:
    claimed_s = _claimed_s(episode)
    if episode.completed_s is not None:
        return claimed_s is not None and claimed_s < episode.completed_s
    return claimed_s is not None if episode.success is False else None


def _early_s(episode: QualifiedEpisode) -> float | None:
    claimed_s = _claimed_s(episode)
    if not episode.success or episode.completed_s is None:
        return None
    return 0.0 if claimed_s is None else max(0.0, episode.completed_s - claimed_s)
