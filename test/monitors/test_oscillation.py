from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joints import EPISODE, START_NS, only, turn

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.oscillation import Oscillation

SPEC = Oscillation(kind="oscillation", name="oscillation")


def swing(frequency_hz: float, amplitude_rad: float):  # type: ignore[no-untyped-def]
    return lambda time_s: amplitude_rad / 2.0 * math.sin(2.0 * math.pi * frequency_hz * time_s)


@pytest.mark.parametrize(("rate_hz", "jitter"), [(10, 0.0), (30, 0.9), (100, 0.5), (1000, 0.9)])
def test_a_joint_that_swings_is_found_at_every_rate(rate_hz: float, jitter: float) -> None:
    monitor = SPEC.make(EPISODE)
    now_ns = turn(monitor, swing(2.3, 0.1), 6.0, rate_hz, jitter, noise_rad=0.002)
    found = only(monitor, now_ns)
    assert monitor.alarm
    assert (found.effect, found.mode, found.source) == (Effect.FAILURE, FailureMode.OSCILLATION, "elbow")
    assert found.value == pytest.approx(4.6, abs=0.6)
    assert found.unit == "Hz"


@pytest.mark.parametrize("rate_hz", [10, 100, 1000])
def test_noise_below_the_amplitude_is_never_a_turn(rate_hz: float) -> None:
    monitor = SPEC.make(EPISODE)
    now_ns = turn(monitor, lambda time_s: 0.3 * time_s, 6.0, rate_hz, noise_rad=0.0015)
    assert only(monitor, now_ns).value == 0.0


def test_slow_work_to_and_fro_is_no_oscillation() -> None:
    monitor = SPEC.make(EPISODE)
    now_ns = turn(monitor, swing(1.0, 0.5), 10.0)
    found = only(monitor, now_ns)
    assert found.effect is Effect.NEUTRAL
    assert found.value == pytest.approx(2.0, abs=0.5)


def test_it_ends_when_the_joint_rests() -> None:
    monitor = SPEC.make(EPISODE)
    turn(monitor, swing(3.0, 0.1), 5.0)
    assert monitor.alarm
    now_ns = turn(monitor, lambda _: 0.0, 3.0, begins_s=5.0)
    assert not monitor.alarm
    assert only(monitor, now_ns).effect is Effect.NEUTRAL


def test_only_the_joints_that_are_named_count() -> None:
    monitor = Oscillation(kind="oscillation", name="oscillation", joints=("wrist",)).make(EPISODE)
    turn(monitor, swing(3.0, 0.1), 5.0)
    assert not monitor.alarm


def test_joints_that_come_in_messages_of_their_own_are_all_heard() -> None:
    monitor = SPEC.make(EPISODE)
    for index in range(500):
        stamp_ns = START_NS + index * 10_000_000
        monitor.add_joints(JointSample(stamp_ns, ("finger",), (0.0,)))
        monitor.add_joints(JointSample(stamp_ns, ("elbow",), (swing(3.0, 0.1)(index / 100.0),)))
    assert only(monitor, stamp_ns).source == "elbow"
    assert monitor.alarm


@given(st.floats(0.2, 4.5), st.floats(0.03, 1.0), st.integers(50, 1000), st.floats(0.0, 0.9))
def test_the_rate_is_twice_the_frequency(frequency_hz: float, amplitude: float, rate_hz: int, jitter: float) -> None:
    monitor = Oscillation(kind="oscillation", name="oscillation", window_s=4.0).make(EPISODE)
    now_ns = turn(monitor, swing(frequency_hz, amplitude), 6.0, rate_hz, jitter)
    assert only(monitor, now_ns).value == pytest.approx(2.0 * frequency_hz, abs=0.5)


@given(
    st.lists(st.tuples(st.integers(0, 5_000_000_000) | st.just(10**18), st.floats()), max_size=100),
)
def test_no_stamp_and_no_number_does_harm(samples: list[tuple[int, float]]) -> None:
    monitor = SPEC.make(EPISODE)
    for offset_ns, position in samples:
        monitor.add_joints(JointSample(START_NS + offset_ns, ("elbow",), (position,)))
        assert len(monitor.findings(START_NS + offset_ns)) == 1
