"""From labelled episodes to a calibration, and what a person should know of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, CalibrationFit, MappingFit, Monotone, Reads
from vlm_judge_ros.judges.failure_band import FailureBand, Signal, StopRate
from vlm_judge_ros.qualify.functional_band import StopRule, fit_band, held_out, stop_level, stop_rate, stopped_at
from vlm_judge_ros.qualify.labelled_answers import LabelledEpisode, number, the_judge
from vlm_judge_ros.qualify.mapping import Chosen, Goal, Method, choose

FEWEST_SUCCESSES = 5

_Read = Literal[Reads.RAW_SCORE, Reads.PROGRESS]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for.

    Attributes:
        name: of the calibration.
        rule: what makes a stop, and how many successes may have one.
        failure_threshold: of the node, which counts beside the band.
        method: of both mappings; None to choose.
        signals: of the band; empty for the failure probability where the judge gives one, else progress.
    """

    name: str
    rule: StopRule
    failure_threshold: float
    method: Method | None = None
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration, and sentences on how it came about, what it promises and what it cannot."""

    calibration: Calibration
    told: tuple[str, ...]


def calibrate(episodes: Sequence[LabelledEpisode], wishes: Wishes) -> Calibrated:
    """Fit all that the episodes allow.

    Raises:
        JudgeError: there are too few successes, several judges, or nothing that could be fitted.
    """
    successes = [each for each in episodes if each.success]
    if len(successes) < FEWEST_SUCCESSES:
        raise JudgeError(
            f"There are {len(successes)} successes among {len(episodes)} episodes that are labelled, and a calibration "
            f"takes {FEWEST_SUCCESSES} at least; record more, or label them with `vlm-judge label`."
        )
    judge = the_judge(episodes)
    tasks = tuple(sorted({each.trace.task for each in episodes}))
    told = [
        f"{len(episodes)} labelled episodes, {len(successes)} of them successes, of {len(tasks)} "
        f"task{'s' if len(tasks) > 1 else ''}, judged by {judge.method}."
    ]
    progress_reads, success_reads = _what_is_read(episodes)
    progress = _chosen(Goal.PROGRESS, episodes, progress_reads, wishes.method, told)
    success = _chosen(Goal.SUCCESS, episodes, success_reads, wishes.method, told)
    if success is not None and success_reads is Reads.RAW_SCORE and progress is None:
        told.append("Without a mapping to progress the one to success has no use for this judge, and is left out.")
        success = None
    band = _band(episodes, wishes, told)
    mappings = _mapping(progress), _mapping(success)
    if mappings == (None, None) and band is None:
        raise JudgeError(f"Nothing could be fitted on these episodes: {' '.join(told[1:])}")
    calibration = Calibration(
        name=wishes.name,
        fitted=True,
        model_hash=judge.model_hash,
        prompt_hash=judge.prompt_hash,
        progress=mappings[0],
        success=mappings[1],
        progress_reads=progress_reads if mappings[0] is not None else Reads.RAW_SCORE,
        success_reads=success_reads if mappings[1] is not None else Reads.RAW_SCORE,
        failure=band,
        fit=CalibrationFit(
            method=judge.method,
            tasks=tasks,
            episodes=len(episodes),
            progress=_fit(progress),
            success=_fit(success),
        ),
    )
    return Calibrated(calibration, tuple(told))


def _mapping(chosen: Chosen | None) -> Monotone | None:
    return None if chosen is None else chosen.mapping


def _fit(chosen: Chosen | None) -> MappingFit | None:
    return None if chosen is None else chosen.fit


def _what_is_read(episodes: Sequence[LabelledEpisode]) -> tuple[_Read, Reads]:
    """A raw score goes before what a judge makes of it; without one its success probability tells most of success."""
    answers = [answer for each in episodes for answer in each.answers]

    def told(reads: Reads) -> bool:
        return any(not math.isnan(number(answer, reads)) for answer in answers)

    if told(Reads.RAW_SCORE):
        return Reads.RAW_SCORE, Reads.RAW_SCORE
    return Reads.PROGRESS, Reads.SUCCESS_PROBABILITY if told(Reads.SUCCESS_PROBABILITY) else Reads.PROGRESS


def _chosen(
    goal: Goal, episodes: Sequence[LabelledEpisode], reads: Reads, method: Method | None, told: list[str]
) -> Chosen | None:
    courses = [course for each in episodes if (course := each.course(goal, reads)) is not None]
    own_scale = reads is (Reads.PROGRESS if goal is Goal.PROGRESS else Reads.SUCCESS_PROBABILITY)
    chosen = choose(goal, courses, own_scale, method)
    what = goal.value.capitalize()
    if isinstance(chosen, str):
        told.append(f"{what}: no mapping. {chosen}")
        return None
    errors = ", ".join(
        f"{name.replace('_', ' ')} {figure.value:.3g}"
        + (f" ({figure.low:.3g} to {figure.high:.3g})" if figure.low is not None and figure.high is not None else "")
        for name, figure in chosen.fit.errors.items()
        if figure.value is not None
    )
    how = f"{chosen.fit.method} from {reads.value.replace('_', ' ')}" if chosen.mapping is not None else "no mapping"
    told.append(f"{what}: {how}, by {chosen.fit.episodes} episodes; on episodes left out {errors}.")
    told.extend(chosen.told)
    return chosen


def _band(episodes: Sequence[LabelledEpisode], wishes: Wishes, told: list[str]) -> FailureBand | None:
    signals = wishes.signals or _usual_signals(episodes)
    names = " and ".join(signal.value for signal in signals)
    if wishes.rule.flat and Signal.PROGRESS in signals:
        raise JudgeError("A flat band of progress would stop every episode at its start, or none; leave out --flat.")
    courses = [(each, each.signals(signals)) for each in episodes]
    good = [course for each, course in courses if each.success and course is not None]
    bad = [(each, course) for each, course in courses if not each.success]
    silent = sum(each.success and course is None for each, course in courses)
    if silent:
        told.append(
            f"In {silent} successes no answer tells {names}; they are left out, and the promise leaves them out."
        )
    if len(good) < FEWEST_SUCCESSES:
        told.append(f"Failure: no band. {len(good)} successes tell {names}, and a band takes {FEWEST_SUCCESSES}.")
        return None
    band = fit_band(good, signals, wishes.rule)
    left_out = held_out(good, signals, wishes.rule)
    stops = [(each, None if course is None else stopped_at(band, course)) for each, course in bad]
    found = stop_rate(sum(stop is not None for _, stop in stops), len(stops)) if stops else None
    told += _promise(band, names)
    if left_out is not None:
        told.append(f"Each left out in turn, the band stops {_share(left_out)} of the successes.")
    if found is not None:
        delays = [stop - each.onset_s for each, stop in stops if stop is not None and each.onset_s is not None]
        delay_s = statistics.median(delays) if delays else 0.0
        late = (
            f", in the median {abs(delay_s):.1f} s {'before' if delay_s < 0.0 else 'after'} the onset" if delays else ""
        )
        told.append(f"It stops {_share(found)} of the failures{late}.")
    told += _own_threshold(episodes, wishes.rule, wishes.failure_threshold)
    return band.model_copy(update={"held_out": left_out, "failures": found})


def _usual_signals(episodes: Sequence[LabelledEpisode]) -> tuple[Signal, ...]:
    every = all(each.signals((Signal.FAILURE,)) is not None for each in episodes if each.success and each.answers)
    return (Signal.FAILURE,) if every else (Signal.PROGRESS,)


def _promise(band: FailureBand, names: str) -> list[str]:
    n = band.calibrated_on
    stops = round(band.promised_rate * (n + 1))
    factor = math.gcd(stops, n + 1)
    of_shape = band.successes - n
    shape = f" ({of_shape} give its shape, {n} its limit)" if of_shape else " (flat: all of them set its limit)"
    told = [
        f"Failure: a band of {names} by {band.successes} successes{shape}. They can promise at most "
        f"{stops // factor} false stop{'s' if stops > factor else ''} in {(n + 1) // factor} successful episodes like "
        f"these, with failure_count {band.failure_count} and judge_failure_hold_s {band.failure_hold_s:g} or more."
    ]
    if band.promised_rate > band.target_rate + 1e-9:
        needed = math.ceil(1.0 / band.target_rate - 1e-9) - 1
        told.append(
            f"So few cannot promise the rate of {band.target_rate:g} that was asked for: that takes {needed} successes "
            f"that set the limit."
        )
    return told


def _own_threshold(episodes: Sequence[LabelledEpisode], rule: StopRule, threshold: float) -> list[str]:
    """What the judge's own failure probability does, which counts beside the band."""
    successes = [each.signals((Signal.FAILURE,)) for each in episodes if each.success]
    courses = [course for course in successes if course is not None]
    if not courses:
        return []
    stopped = sum(
        stop_level(course.times_s, course.values[Signal.FAILURE], rule) >= threshold
        and float(np.ptp(course.times_s)) >= rule.failure_hold_s
        for course in courses
    )
    return [
        f"By itself the judge's failure_threshold of {threshold:g} stops {_share(stop_rate(stopped, len(courses)))} of "
        "the successes; it counts beside the band, and failure_threshold 1.0 leaves the band alone."
    ]


def _share(rate: StopRate) -> str:
    return f"{rate.stopped} of {rate.episodes} ({rate.low:.0%} to {rate.high:.0%})"
