from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor
from vlm_judge_ros.monitors.threshold import Threshold

START = 1_700_000_000 * 1_000_000_000


def at(time_s: float) -> int:
    return START + nanoseconds(time_s)


def made(
    minimum: float | None = None, maximum: float | None = None, duration_s: float = 0.0, unit: str = "N"
) -> Monitor:
    spec = Threshold(
        kind="threshold",
        name="force_limit",
        signal="force",
        min=minimum,
        max=maximum,
        duration_s=duration_s,
        severity=Severity.CRITICAL,
        failure_mode=FailureMode.COLLISION,
    )
    return spec.make(EpisodeContext(START, units={"force": unit}))


def feed(monitor: Monitor, *values: tuple[float, float]) -> Finding:
    """Feed (seconds, value) and return what is found then."""
    time_s = 0.0
    for time_s, value in values:
        monitor.add_signals(SignalSample(at(time_s), {"force": value}))
    return only(monitor, time_s)


def only(monitor: Monitor, time_s: float) -> Finding:
    (finding,) = monitor.findings(at(time_s))
    assert (finding.layer, finding.name, finding.source) == (Layer.THRESHOLD, "force_limit", "force")
    return finding


def test_before_the_first_value_it_is_not_known_whether_the_limit_holds() -> None:
    assert only(made(maximum=40.0), 1.0).effect is Effect.BLIND


def test_a_value_within_the_limits_is_neutral_with_its_number_and_the_nearer_limit() -> None:
    found = feed(made(-10.0, 40.0), (1.0, 12.5))
    assert (found.effect, found.value, found.limit, found.unit) == (Effect.NEUTRAL, 12.5, -10.0, "N")
    assert found.text == "Signal force is 12.5 N."
    assert feed(made(-10.0, 40.0), (1.0, 30.0)).limit == 40.0


@pytest.mark.parametrize(("value", "side", "limit"), [(41.0, "above", 40.0), (-11.0, "below", -10.0)])
def test_either_limit_raises_the_alarm_and_the_text_names_it(value: float, side: str, limit: float) -> None:
    monitor = made(-10.0, 40.0)
    found = feed(monitor, (1.0, 0.0), (2.0, value))
    assert monitor.alarm
    assert (found.effect, found.severity, found.mode) == (Effect.FAILURE, Severity.CRITICAL, FailureMode.COLLISION)
    assert (found.limit, found.onset_ns) == (limit, at(2.0))
    assert found.text == f"Signal force is {value:g} N, {side} the limit of {limit:g} N."


def test_the_limit_itself_is_allowed() -> None:
    assert feed(made(-10.0, 40.0), (1.0, 40.0)).effect is Effect.NEUTRAL
    assert feed(made(-10.0, 40.0), (1.0, -10.0)).effect is Effect.NEUTRAL


def test_a_limit_has_to_be_broken_for_its_duration_without_a_break() -> None:
    monitor = made(maximum=40.0, duration_s=0.5)
    found = feed(monitor, (1.0, 50.0), (1.4, 50.0))
    assert (monitor.alarm, found.effect) == (False, Effect.NEUTRAL)
    assert "0.40 s of 0.5 s above the limit of 40 N" in found.text
    assert feed(monitor, (1.45, 30.0), (1.5, 50.0), (1.9, 50.0)).effect is Effect.NEUTRAL
    found = feed(monitor, (2.0, 50.0))
    assert (monitor.alarm, found.effect, found.onset_ns) == (True, Effect.FAILURE, at(1.5))


def test_the_alarm_ends_with_the_first_value_within_the_limits() -> None:
    monitor = made(maximum=40.0)
    feed(monitor, (1.0, 50.0))
    assert feed(monitor, (1.1, 40.0)).effect is Effect.NEUTRAL
    assert not monitor.alarm


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_neither_breaks_nor_mends_a_limit(value: float) -> None:
    monitor = made(-10.0, 40.0)
    assert feed(monitor, (1.0, value)).effect is Effect.BLIND
    assert feed(monitor, (2.0, 12.0), (2.1, value)).value == 12.0
    feed(monitor, (3.0, 50.0), (3.1, value))
    assert monitor.alarm


def test_a_clock_that_goes_back_does_not_put_off_the_alarm() -> None:
    monitor = made(maximum=40.0, duration_s=0.5)
    feed(monitor, (100.0, 50.0), (10.0, 50.0), (10.5, 50.0))
    assert monitor.alarm


def test_stamps_of_the_future_stay_out_of_the_finding() -> None:
    monitor = made(maximum=40.0)
    monitor.add_signals(SignalSample(at(100.0), {"force": 50.0}))
    found = only(monitor, 1.0)
    assert found.stamp_ns == at(1.0)
    assert found.onset_ns == at(1.0)


def test_a_number_without_a_unit_is_told_without_one() -> None:
    assert feed(made(maximum=0.5, unit="1"), (1.0, 0.7)).text == "Signal force is 0.7, above the limit of 0.5."


def test_a_threshold_without_a_limit_or_with_crossed_ones_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs min, max or both"):
        made()
    with pytest.raises(ValidationError, match="min must not be above max"):
        made(2.0, 1.0)


finite = st.floats(-100.0, 100.0)


@given(st.lists(st.tuples(st.integers(0, 2000), st.floats()), max_size=40), finite, finite, st.floats(0.0, 1.0))
def test_an_alarm_stands_just_when_all_of_the_last_values_broke_a_limit_for_the_duration(
    steps: list[tuple[int, float]], one: float, other: float, duration_s: float
) -> None:
    low, high = min(one, other), max(one, other)
    monitor = made(low, high, duration_s)
    stamp_ns, since_ns = START, None
    for step_ms, value in steps:
        stamp_ns += step_ms * 1_000_000
        monitor.add_signals(SignalSample(stamp_ns, {"force": value}))
        if low <= value <= high:
            since_ns = None
        elif math.isfinite(value) and since_ns is None:
            since_ns = stamp_ns
        if math.isfinite(value):
            assert monitor.alarm == (since_ns is not None and stamp_ns - since_ns >= nanoseconds(duration_s))
        (found,) = monitor.findings(stamp_ns)
        assert (found.effect is Effect.FAILURE) == monitor.alarm


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.floats()), max_size=40))
def test_whatever_comes_there_is_one_finding_that_does_not_lie_ahead_of_the_clock(
    samples: list[tuple[int, float]],
) -> None:
    monitor = made(-1.0, 1.0, 0.1)
    for stamp_ns, value in samples:
        monitor.add_signals(SignalSample(stamp_ns, {"force": value}))
        (found,) = monitor.findings(0)
        assert found.stamp_ns <= 0
