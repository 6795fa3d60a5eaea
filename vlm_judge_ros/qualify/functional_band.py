"""A band around the signals of successful episodes that a new success leaves no more often than it is promised to.

Split conformal prediction for functions, after Diquigiovanni, Fontana and Vantini, "Conformal prediction bands for
multivariate functional data", Journal of Multivariate Analysis 189, 2022: some successes give centre and width over
time, and of the others each counts by the widths at which it would have been stopped. With two signals both have to be
outside at once, as in FIPER; the widths at which both are is what is counted, so that the promise holds for the two
together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.judges.failure_band import FailureBand, Floats, Signal, SignalShape, StopRate
from vlm_judge_ros.qualify.folds import drawn_order
from vlm_judge_ros.replay.labels.figure import wilson_interval

_POINTS = 61
_DECIMALS = 6
_FEW = 10
# A stretch in which the few successes that give the shape happen to agree is not held to be that narrow.
_NARROWEST = 0.5
_LEFT_OUT = 20
_STAMP_S = 1e-6


@dataclass(frozen=True, slots=True)
class SignalCourse:
    """The signals of one episode.

    Attributes:
        key: of the episode.
        times_s: seconds from its start of each answer that has all signals, rising, at least one.
        values: of each signal, as many as times.
    """

    key: str
    times_s: Floats
    values: Mapping[Signal, Floats]


@dataclass(frozen=True, slots=True)
class StopRule:
    """What makes a stop, so many answers outside in a row over so many seconds; and how many successes may have one.

    `flat`: one limit for all seconds. A probability means the same at all of them; progress does not.
    """

    failure_count: int
    failure_hold_s: float
    target_rate: float
    flat: bool = False


def fit_band(successes: Sequence[SignalCourse], signals: Sequence[Signal], rule: StopRule) -> FailureBand:
    """Fit a band; which successes give its shape depends on their keys alone.

    Args:
        successes: at least 2; 1 is enough where progress is not among the signals.
        signals: all of them have to be outside at once; at least one.
        rule: what makes a stop, and how often one may be.
    """
    order = drawn_order([course.key for course in successes])
    of_shape = 0 if rule.flat else shaping(len(successes), rule.target_rate, Signal.PROGRESS not in signals)
    shaped = [successes[place] for place in order[:of_shape]]
    held = [successes[place] for place in order[of_shape:]]
    shapes = tuple(_shape(signal, shaped) for signal in signals)
    levels = sorted(stop_level(course.times_s, band_scores(shapes, course), rule) for course in held)
    # The k-th of n levels is passed by a further one at most n + 1 - k times in n + 1.
    n = len(levels)
    k = min(n, math.ceil((n + 1) * (1.0 - rule.target_rate) - 1e-9))
    return FailureBand(
        shapes=shapes,
        limit=levels[k - 1],
        failure_count=rule.failure_count,
        failure_hold_s=rule.failure_hold_s,
        target_rate=rule.target_rate,
        promised_rate=1.0 - k / (n + 1),
        successes=len(successes),
        calibrated_on=n,
    )


def shaping(successes: int, target_rate: float, flat: bool) -> int:
    """How many of some successes give the shape of the band; the others set its limit.

    As many as leave enough for the target, half at most. Where that cannot be reached anyway, few: with less than ten
    successes none where a flat band makes sense, else one.
    """
    needed = math.ceil(1.0 / target_rate - 1e-9) - 1
    if successes >= needed + 2:
        return max(min(successes // 2, successes - needed), 0 if flat else 1)
    if successes < _FEW:
        return 0 if flat else 1
    return max(2, successes // 4)


def held_out(successes: Sequence[SignalCourse], signals: Sequence[Signal], rule: StopRule) -> StopRate | None:
    """Stops among successes by bands that were fitted without them; None where too few are left for a band.

    Each is left out alone; with more than 20 successes they are left out in 20 groups.
    """
    if len(successes) < 3:
        return None
    order = drawn_order([course.key for course in successes])
    count = min(_LEFT_OUT, len(successes))
    stopped = 0
    for first in range(count):
        out = set(order[first::count])
        band = fit_band([successes[place] for place in order if place not in out], signals, rule)
        stopped += sum(stopped_at(band, successes[place]) is not None for place in out)
    return stop_rate(stopped, len(successes))


def stop_rate(stopped: int, episodes: int) -> StopRate:
    """The share of stopped episodes with its interval."""
    low, high = wilson_interval(stopped, episodes)
    return StopRate(stopped=stopped, episodes=episodes, low=low, high=high)


def band_scores(shapes: Sequence[SignalShape], course: SignalCourse) -> Floats:
    """How far each answer lies outside: the least of its signals, in widths."""
    scores: Floats = np.min([shape.scores(course.times_s, course.values[shape.signal]) for shape in shapes], axis=0)
    return scores


def stop_level(times_s: Floats, scores: Floats, rule: StopRule) -> float:
    """The limit below which these answers make a stop; an episode too short for one counts by its worst answer."""
    ends = np.maximum(
        np.arange(times_s.size) + rule.failure_count - 1,
        np.searchsorted(times_s, times_s + rule.failure_hold_s - _STAMP_S),
    )
    levels = [float(scores[first : end + 1].min()) for first, end in enumerate(ends) if end < times_s.size]
    return max(levels, default=float(scores.max()))


def stopped_at(band: FailureBand, course: SignalCourse) -> float | None:
    """Seconds from the start at which a band stops an episode; None where it does not."""
    first: int | None = None
    for place, outside in enumerate(band_scores(band.shapes, course) > band.limit):
        if not outside:
            first = None
            continue
        first = place if first is None else first
        lasts = course.times_s[place] - course.times_s[first] >= band.failure_hold_s - _STAMP_S
        if place - first + 1 >= band.failure_count and lasts:
            return float(course.times_s[place])
    return None


def _shape(signal: Signal, courses: Sequence[SignalCourse]) -> SignalShape:
    """Mean and spread over time; a course that ends, or has not begun, goes on as it is at its end."""
    if not courses:
        return SignalShape(signal=signal, times_s=(0.0,), centre=(0.0,), width=(1.0,))
    times_s = np.round(np.linspace(0.0, max(float(course.times_s[-1]) for course in courses), _POINTS), _DECIMALS)
    times_s = np.unique(times_s)
    sampled = np.array([np.interp(times_s, course.times_s, course.values[signal]) for course in courses])
    centre, spread = sampled.mean(axis=0), sampled.std(axis=0)
    typical = float(np.sqrt(np.mean(spread**2)))
    width = spread + _NARROWEST * typical if typical > 1e-9 else np.ones_like(centre)
    return SignalShape(
        signal=signal,
        times_s=tuple(times_s.tolist()),
        centre=tuple(np.round(centre, _DECIMALS).tolist()),
        width=tuple(np.maximum(np.round(width, _DECIMALS), 10.0**-_DECIMALS).tolist()),
    )
