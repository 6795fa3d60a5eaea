from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joints import EPISODE, START_NS, only, turn
from pydantic import ValidationError

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.jerk import Jerk

SPEC = Jerk(kind="jerk", name="jerk")


@pytest.mark.parametrize(("rate_hz", "jitter"), [(10, 0.0), (30, 0.5), (100, 0.9), (1000, 0.9)])
def test_constant_jerk_is_measured_at_every_rate(rate_hz: float, jitter: float) -> None:
    monitor = SPEC.make(EPISODE)
    now_ns = turn(monitor, lambda time_s: 40.0 * time_s**3 / 6.0, 4.0, rate_hz, jitter)
    found = only(monitor, now_ns)
    assert found.value == pytest.approx(40.0, rel=0.05)
    assert (found.effect, found.mode, found.source) == (Effect.FAILURE, FailureMode.UNSTABLE, "elbow")
    assert found.unit == "rad/s^3"


@pytest.mark.parametrize("rate_hz", [10, 30, 100, 1000])
def test_noise_of_a_thousandth_of_a_rad_stays_small_at_every_rate(rate_hz: float) -> None:
    monitor = SPEC.make(EPISODE)
    now_ns = turn(monitor, lambda time_s: 0.3 * time_s, 6.0, rate_hz, noise_rad=0.001)
    assert only(monitor, now_ns).value < 3.0


def test_a_joint_that_shakes_is_found_and_one_that_swings_slowly_is_not() -> None:
    shaken, calm = SPEC.make(EPISODE), SPEC.make(EPISODE)
    turn(shaken, lambda time_s: 0.1 * math.sin(2.0 * math.pi * 2.0 * time_s), 4.0)
    turn(calm, lambda time_s: 0.5 * math.sin(2.0 * math.pi * 0.25 * time_s), 8.0)
    assert shaken.alarm
    assert not calm.alarm


def test_velocities_serve_where_they_are_asked_for() -> None:
    monitor = Jerk(kind="jerk", name="jerk", derived_from="velocity").make(EPISODE)
    for index in range(400):
        time_s = index / 100.0
        velocities = (40.0 * time_s**2 / 2.0,)
        monitor.add_joints(JointSample(START_NS + index * 10_000_000, ("elbow",), (0.0,), velocities))
    assert only(monitor, START_NS + 4_000_000_000).value == pytest.approx(40.0, rel=0.05)


def test_velocities_that_do_not_come_blind_it() -> None:
    monitor = Jerk(kind="jerk", name="jerk", derived_from="velocity").make(EPISODE)
    monitor.add_joints(JointSample(START_NS, ("elbow",), (0.0,)))
    assert only(monitor, START_NS).effect is Effect.BLIND


def test_too_few_samples_tell_no_jerk() -> None:
    monitor = SPEC.make(EPISODE)
    now_ns = turn(monitor, lambda time_s: time_s**3, 10.0, rate_hz=3.0)
    found = only(monitor, now_ns)
    assert found.effect is Effect.NEUTRAL
    assert math.isnan(found.value)


def test_a_reading_that_is_no_number_is_forgotten_after_the_fit() -> None:
    monitor = SPEC.make(EPISODE)
    monitor.add_joints(JointSample(START_NS, ("elbow", "wrist"), (math.inf, math.nan)))
    now_ns = turn(monitor, lambda time_s: 40.0 * time_s**3 / 6.0, 5.0)
    assert only(monitor, now_ns).value == pytest.approx(40.0, rel=0.05)


def test_a_window_of_too_many_fits_is_refused() -> None:
    with pytest.raises(ValidationError, match="window_s is 60"):
        Jerk(kind="jerk", name="jerk", window_s=60.0, fit_s=0.1)


@given(st.lists(st.tuples(st.integers(0, 3_000_000_000) | st.just(10**18), st.floats()), max_size=60))
def test_no_stamp_and_no_number_does_harm(samples: list[tuple[int, float]]) -> None:
    monitor = SPEC.make(EPISODE)
    for offset_ns, position in samples:
        monitor.add_joints(JointSample(START_NS + offset_ns, ("elbow",), (position,)))
        assert len(monitor.findings(START_NS + offset_ns)) == 1
