"""The band holds what it promises, on made-up curves of several forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qualify.made_courses import CASES, Case, noisy, realised, rising
from verdict.moments import LIMITS, SECOND, finding, good_moment, remembered

from vlm_judge_ros.judges.failure_band import FailureBand, Signal
from vlm_judge_ros.monitors.finding import Effect, Layer, Severity
from vlm_judge_ros.qualify.functional_band import (
    SignalCourse,
    StopRule,
    band_scores,
    fit_band,
    held_out,
    shaping,
    stop_level,
    stopped_at,
)
from vlm_judge_ros.verdict.judgement import BAND
from vlm_judge_ros.verdict.verdict import State


@pytest.mark.parametrize("case", CASES, ids=str)
def test_new_successes_are_stopped_no_more_often_than_promised(case: Case) -> None:
    rates, promised = realised(case, draws=40, new=10, seed=7)
    # The bands differ, and the new episodes of one band share it: the spread over bands is what counts.
    error = float(rates.std(ddof=1)) / np.sqrt(rates.size)
    assert rates.mean() <= promised + 3.0 * error
    assert promised <= max(case.rule.target_rate, 1.0 / (case.successes / 2 + 1))


def test_the_promise_is_not_bought_by_never_stopping() -> None:
    random = np.random.default_rng(1)
    successes = [rising(random, str(place)) for place in range(30)]
    band = fit_band(successes, (Signal.PROGRESS,), StopRule(2, 2.8, 0.1))
    times_s = np.arange(1.0, 30.0)
    stuck = SignalCourse("stuck", times_s, {Signal.PROGRESS: np.full(times_s.size, -0.1)})
    assert stopped_at(band, stuck) is not None


def flat_band(limit: float, count: int, hold_s: float) -> FailureBand:
    return FailureBand.model_validate(
        {
            "shapes": [{"signal": "failure", "times_s": [0.0], "centre": [0.0], "width": [1.0]}],
            "limit": limit,
            "failure_count": count,
            "failure_hold_s": hold_s,
            "target_rate": 0.1,
            "promised_rate": 0.1,
            "successes": 1,
            "calibrated_on": 1,
        }
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=14), st.integers(1, 4), st.sampled_from([0.0, 0.8, 2.8]))
def test_a_stop_is_what_the_gate_confirms_and_at_the_same_second(
    outside: list[bool], count: int, hold_s: float
) -> None:
    limits = replace(LIMITS, failure_count=count, failure_hold_s=0.0, judge_hold_s=hold_s)
    story = []
    for second, out in enumerate(outside, start=1):
        effect, severity = (Effect.FAILURE, Severity.ERROR) if out else (Effect.NEUTRAL, Severity.INFO)
        band = finding(Layer.JUDGE, BAND, effect, second * SECOND, severity=severity)
        story.append((*good_moment(second, complete=False), band))
    states = [decision.state for decision, _ in remembered(story, limits)]
    failed = next((second for second, state in enumerate(states, start=1) if state is State.FAILED), None)
    times_s, values = np.arange(1.0, len(outside) + 1.0), np.array(outside, dtype=np.float64)
    assert stopped_at(flat_band(0.5, count, hold_s), SignalCourse("x", times_s, {Signal.FAILURE: values})) == failed


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.8, 2.8]),
    st.integers(-6, 6),
)
def test_an_episode_is_stopped_where_its_level_is_above_the_limit(
    scores: list[float], count: int, hold_s: float, limit: int
) -> None:
    values, times_s = np.array(scores), np.arange(1.0, len(scores) + 1.0)
    rule, band = StopRule(count, hold_s, 0.1), flat_band(limit, count, hold_s)
    stopped = stopped_at(band, SignalCourse("x", times_s, {Signal.FAILURE: values})) is not None
    level = stop_level(times_s, values, rule)
    long_enough = len(scores) >= count and times_s[-1] - times_s[0] >= hold_s
    assert stopped == (level > limit and long_enough)


@settings(max_examples=8, deadline=None)
@given(st.integers(3, 14), st.randoms(use_true_random=False))
def test_the_order_of_the_episodes_does_not_matter(n: int, order: object) -> None:
    random = np.random.default_rng(n)
    successes = [noisy(random, f"episode-{place}") for place in range(n)]
    shuffled = list(successes)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    rule = StopRule(1, 0.0, 0.1)
    assert fit_band(successes, (Signal.FAILURE,), rule) == fit_band(shuffled, (Signal.FAILURE,), rule)
    assert held_out(successes, (Signal.FAILURE,), rule) == held_out(shuffled, (Signal.FAILURE,), rule)


def test_five_successes_promise_one_stop_in_six() -> None:
    random = np.random.default_rng(0)
    band = fit_band([noisy(random, str(n)) for n in range(5)], (Signal.FAILURE,), StopRule(1, 0.0, 0.02))
    assert band.promised_rate == pytest.approx(1 / 6)
    assert (band.successes, band.calibrated_on) == (5, 5)
    assert fit_band(
        [rising(random, str(n)) for n in range(5)], (Signal.PROGRESS,), StopRule(1, 0.0, 0.02)
    ).promised_rate == pytest.approx(1 / 5)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 300), st.floats(0.01, 0.5), st.booleans())
def test_enough_successes_stay_for_the_limit(successes: int, rate: float, flat: bool) -> None:
    of_shape = shaping(successes, rate, flat)
    assert (0 if flat else 1) <= of_shape < successes
    if successes >= 1.0 / rate + 2:
        assert 1.0 / (successes - of_shape + 1) <= rate + 1e-9


def test_both_signals_have_to_be_outside_at_once() -> None:
    times_s = np.arange(1.0, 7.0)
    quiet = np.full(6, 0.1)
    successes = [SignalCourse(str(n), times_s, {Signal.FAILURE: quiet, Signal.NOVELTY: quiet}) for n in range(5)]
    band = fit_band(successes, (Signal.FAILURE, Signal.NOVELTY), StopRule(1, 0.0, 0.2))
    high = np.array([0.1, 0.1, 0.9, 0.1, 0.1, 0.1])
    apart = SignalCourse("apart", times_s, {Signal.FAILURE: high, Signal.NOVELTY: high[::-1].copy()})
    together = SignalCourse("together", times_s, {Signal.FAILURE: high, Signal.NOVELTY: high})
    assert stopped_at(band, apart) is None
    assert stopped_at(band, together) == 3.0
    assert band_scores(band.shapes, together)[2] == pytest.approx(0.9)
