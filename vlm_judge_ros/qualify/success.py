"""Whether a judge knows a success: its last answer, and the final state that the gate made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from vlm_judge_ros.qualify.classification import auroc, average_precision, calibration_error
from vlm_judge_ros.qualify.clock import clocks
from vlm_judge_ros.qualify.measure import Measure, mean_of, share_of
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.replay.labels.figure import Floats, Statistic
from vlm_judge_ros.replay.trace import Answer
from vlm_judge_ros.verdict.verdict import State

_ONE_KIND = "it takes known successes and known failures"
_NO_PROBABILITY = "no last answer of an episode of known outcome tells a success probability"


def success(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """The figures of success."""
    probabilities = [_last(each, lambda answer: answer.success_probability) for each in episodes]
    progress = [_last(each, lambda answer: answer.progress) for each in episodes]
    squares = [
        None if each.success is None or math.isnan(probability) else (probability - each.success) ** 2
        for each, probability in zip(episodes, probabilities, strict=True)
    ]
    by_clock = [
        math.nan if clock is None else float(clock.progress(np.array([_last_s(each)]))[0])
        for each, clock in zip(episodes, clocks(episodes), strict=True)
    ]
    claimed = [each.trace.final_state is State.SUCCEEDED for each in episodes]
    truth = [each.success for each in episodes]
    return {
        "success_auroc": _ranking(episodes, probabilities, auroc, "success probability"),
        "success_auroc_of_progress": _ranking(episodes, progress, auroc, "progress"),
        "success_auroc_clock": _ranking(episodes, by_clock, auroc, "time"),
        "success_average_precision": _ranking(episodes, probabilities, average_precision, "success probability"),
        "success_brier": mean_of(squares, _NO_PROBABILITY),
        "ece": _calibration(episodes, probabilities),
        "success_accuracy": share_of(
            [None if true is None else claim == true for claim, true in zip(claimed, truth, strict=True)],
            "the outcome of no episode is known",
        ),
        "success_precision": share_of(
            [true if claim else None for claim, true in zip(claimed, truth, strict=True)],
            "no episode of known outcome ends as SUCCEEDED",
        ),
        "success_recall": share_of(
            [claim if true else None for claim, true in zip(claimed, truth, strict=True)],
            "no episode is known to be a success",
        ),
        "verdict_accuracy": share_of([right(each) for each in episodes], "the outcome of no episode is known"),
    }


def right(episode: QualifiedEpisode) -> bool | None:
    """Whether the final state is SUCCEEDED for a success, FAILED for a failure; None where the outcome is not known."""
    if episode.success is None:
        return None
    return episode.trace.final_state is (State.SUCCEEDED if episode.success else State.FAILED)


def _last(episode: QualifiedEpisode, told: Callable[[Answer], float]) -> float:
    return told(episode.trace.answers[-1]) if episode.trace.answers else math.nan


def _last_s(episode: QualifiedEpisode) -> float:
    return episode.trace.answers[-1].time_s if episode.trace.answers else episode.trace.duration_s


def _known(episodes: Sequence[QualifiedEpisode], scores: Sequence[float]) -> tuple[list[int], Floats, Floats]:
    places = [place for place, each in enumerate(episodes) if each.success is not None]
    positive = np.array([float(bool(episodes[place].success)) for place in places])
    return places, np.array([scores[place] for place in places], dtype=np.float64), positive


def _ranking(
    episodes: Sequence[QualifiedEpisode],
    scores: Sequence[float],
    statistic: Callable[[Floats, Floats], Statistic],
    what: str,
) -> Measure:
    places, known, positive = _known(episodes, scores)
    if not np.isfinite(known).any():
        return Measure(statistic(known, positive), np.array([], dtype=np.intp), 0, f"no last answer tells {what}")
    if positive.min() == positive.max():
        return Measure(statistic(known, positive), np.array([], dtype=np.intp), 0, _ONE_KIND)
    # A judge that declines has not said that the task is complete.
    fewer = int(min(positive.sum(), len(places) - positive.sum()))
    return Measure(
        statistic(np.nan_to_num(known), positive),
        np.array(places, dtype=np.intp),
        len(places),
        _ONE_KIND,
        trials=fewer,
    )


def _calibration(episodes: Sequence[QualifiedEpisode], probabilities: Sequence[float]) -> Measure:
    places, known, positive = _known(episodes, probabilities)
    told = np.isfinite(known)
    return Measure(
        calibration_error(known[told], positive[told]),
        np.array(places, dtype=np.intp)[told],
        int(told.sum()),
        _NO_PROBABILITY,
    )
