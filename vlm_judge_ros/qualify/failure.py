"""Whether a judge finds failures, when, which, and how often it stops a success for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.qualify.classification import quantile
from vlm_judge_ros.qualify.measure import Measure, none_in, ratio_of, share_of
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.replay.labels.figure import share
from vlm_judge_ros.verdict.verdict import State

WITHIN_S = 2.0

_NO_FAILURE = "no episode is known to be a failure"
_NO_ONSET = "the onset of no failure is known"
_NO_SUCCESS = "no episode is known to be a success"


def failure(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """The figures of failures."""
    alarmed = [each.trace.recognition is not None for each in episodes]
    failed = [None if each.success is None else not each.success for each in episodes]
    pairs = list(zip(alarmed, failed, strict=True))
    delays = [_delay_s(each) for each in episodes]
    return {
        "failure_precision": share_of(
            [true if alarm else None for alarm, true in pairs], "no episode of known outcome was ever FAILED"
        ),
        "failure_recall": share_of([alarm if true else None for alarm, true in pairs], _NO_FAILURE),
        "failure_f1": _f1(pairs),
        "false_stops_per_success": share_of([alarm if true is False else None for alarm, true in pairs], _NO_SUCCESS),
        "false_stops_per_hour": _per_hour(episodes),
        "onset_delay_s": _median(delays),
        "found_within_2_s": share_of([_by(each, WITHIN_S) for each in episodes], _NO_ONSET),
        "alarm_before_onset": share_of([_by(each, -WITHIN_S) for each in episodes], _NO_ONSET),
        "failure_mode_accuracy": share_of(
            [_mode_right(each) for each in episodes], "no failure of known mode was recognised"
        ),
    }


def recognised_mode(episode: QualifiedEpisode) -> FailureMode | None:
    """The mode with which a failure was first recognised; None where none was."""
    recognition = episode.trace.recognition
    return None if recognition is None else recognition.failure_mode


def true_mode(episode: QualifiedEpisode) -> FailureMode | None:
    """The way in which an episode failed; None for a success, and where nobody knows."""
    known = episode.success is False and episode.failure_mode not in (None, FailureMode.NONE, FailureMode.UNKNOWN)
    return episode.failure_mode if known else None


def _delay_s(episode: QualifiedEpisode) -> float | None:
    recognised_s = episode.trace.recognised_s
    if episode.success is not False or episode.onset_s is None or recognised_s is None:
        return None
    return recognised_s - episode.onset_s


def _by(episode: QualifiedEpisode, after_onset_s: float) -> bool | None:
    if episode.success is not False or episode.onset_s is None:
        return None
    delay_s = _delay_s(episode)
    if after_onset_s < 0.0:
        return delay_s is not None and delay_s < after_onset_s
    return delay_s is not None and delay_s <= after_onset_s


def _mode_right(episode: QualifiedEpisode) -> bool | None:
    judged, true = recognised_mode(episode), true_mode(episode)
    return None if judged is None or true is None else judged is true


def _median(values: Sequence[float | None]) -> Measure:
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    return Measure(
        quantile(np.array([value for _, value in known], dtype=np.float64), 0.5),
        np.array([place for place, _ in known], dtype=np.intp),
        len(known),
        "no failure of known onset was recognised",
    )


def _f1(pairs: Sequence[tuple[bool, bool | None]]) -> Measure:
    known = [(place, alarm, true) for place, (alarm, true) in enumerate(pairs) if true is not None]
    if not any(true for _, _, true in known):
        known = []
    both = np.array([float(alarm and true) for _, alarm, true in known])
    either = np.array([float(alarm) + float(true) for _, alarm, true in known])
    return Measure(
        lambda counts: share(2.0 * (counts @ both), counts @ either),
        np.array([place for place, _, _ in known], dtype=np.intp),
        len(known),
        _NO_FAILURE,
        trials=sum(true for _, _, true in known),
    )


def _per_hour(episodes: Sequence[QualifiedEpisode]) -> Measure:
    stops = [float(_stops(each)) if each.success else None for each in episodes]
    hours = [each.trace.duration_s / 3600.0 if each.success else None for each in episodes]
    measure = ratio_of(stops, hours, _NO_SUCCESS)
    whole = sum(hour for hour in hours if hour is not None)
    if whole > 0.0 and not any(stops):
        return Measure(measure.statistic, measure.episodes, measure.n, measure.undefined, none_in(whole))
    return measure


def _stops(episode: QualifiedEpisode) -> int:
    states = [State.UNKNOWN, *(ruling.state for ruling in episode.trace.rulings)]
    return sum(before is not State.FAILED and now is State.FAILED for before, now in pairwise(states))
