from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.signal_health import SignalHealth

START = 1_700_000_000 * 1_000_000_000


def at(time_s: float) -> int:
    return START + nanoseconds(time_s)


def sample(time_s: float, value: float = 1.0, signal: str = "force") -> SignalSample:
    return SignalSample(at(time_s), {signal: value})


def watched(timeout_s: float = 1.0) -> SignalHealth:
    return SignalHealth({"force": timeout_s}, START)


def only(health: SignalHealth, time_s: float) -> Finding:
    (finding,) = health.findings(at(time_s))
    assert (finding.layer, finding.source, finding.unit) == (Layer.HEALTH, "force", "s")
    assert finding.name.startswith("signal_")
    return finding


def feed(health: SignalHealth, begin_s: float, end_s: float, value: float = 1.0, behind_s: float = 0.0) -> Finding:
    """Feed a signal at 20 Hz, look after each sample, and return what is found at the end."""
    found = None
    for index in range(round((end_s - begin_s) * 20)):
        time_s = begin_s + index / 20
        health.add(sample(time_s - behind_s, value))
        found = only(health, time_s)
    assert found is not None
    return found


def test_a_signal_that_comes_is_neutral_with_its_age() -> None:
    health = watched()
    health.add(sample(0.5))
    found = only(health, 0.7)
    assert (found.name, found.effect, found.limit) == ("signal_fresh", Effect.NEUTRAL, 1.0)
    assert found.value == pytest.approx(0.2)


def test_a_signal_may_be_missing_at_the_start_for_as_long_as_it_may_be_silent() -> None:
    health = watched(timeout_s=2.0)
    assert only(health, 2.0).effect is Effect.NEUTRAL
    found = only(health, 2.1)
    assert (found.name, found.effect, found.onset_ns) == ("signal_silent", Effect.BLIND, START)
    assert "topic and field" in found.text


def test_a_signal_is_silent_past_its_timeout_and_not_before_and_is_believed_again_when_it_comes() -> None:
    health = watched(timeout_s=0.5)
    feed(health, 0, 2)
    assert only(health, 2.45).effect is Effect.NEUTRAL
    found = only(health, 2.46)
    assert (found.name, found.effect, found.onset_ns) == ("signal_silent", Effect.BLIND, at(1.95))
    health.add(sample(9.0))
    assert only(health, 9.0).effect is Effect.NEUTRAL


def test_a_timeout_of_zero_allows_any_silence_even_that_of_a_signal_that_never_comes() -> None:
    health = watched(timeout_s=0.0)
    assert only(health, 1000.0).effect is Effect.NEUTRAL
    health.add(sample(1.0))
    assert only(health, 9000.0).effect is Effect.NEUTRAL


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_blinds_at_once_and_heals_with_the_next_number(value: float) -> None:
    health = watched()
    feed(health, 0, 1)
    health.add(sample(1.0, value))
    found = only(health, 1.0)
    assert (found.name, found.effect, found.onset_ns) == ("signal_invalid", Effect.BLIND, at(1.0))
    assert f"{value:g} instead of a number" in found.text
    health.add(sample(1.1))
    assert only(health, 1.1).effect is Effect.NEUTRAL


def test_a_signal_whose_stamps_are_old_is_late_and_one_that_then_stops_is_silent() -> None:
    health = watched()
    found = feed(health, 0, 5, behind_s=30.0)
    assert (found.name, found.effect) == ("signal_late", Effect.BLIND)
    assert found.value == pytest.approx(30.0)
    assert only(health, 7.0).name == "signal_silent"


def test_a_signal_whose_stamps_lie_ahead_blinds_without_lending_its_stamp() -> None:
    found = feed(watched(), 0, 5, behind_s=-3.0)
    assert (found.name, found.effect) == ("signal_early", Effect.BLIND)
    assert found.stamp_ns <= at(5.0)


def test_stamps_that_go_back_a_little_are_no_fault() -> None:
    health = watched()
    for index in range(100):
        health.add(sample(index / 20 - (0.3 if index % 3 == 0 else 0.0)))
        assert only(health, index / 20).effect is Effect.NEUTRAL


def test_a_clock_that_was_set_blinds_for_the_timeout() -> None:
    health = watched(timeout_s=3.0)
    feed(health, 0, 10)
    feed(health, 10, 10.1, behind_s=2.0)
    found = only(health, 10.1)
    assert (found.name, found.effect) == ("signal_stamps_back", Effect.BLIND)
    assert found.value == pytest.approx(1.95)
    assert feed(health, 10.1, 14.0, behind_s=2.0).effect is Effect.NEUTRAL


def test_two_publishers_with_different_clocks_blind_as_long_as_both_send() -> None:
    health = watched(timeout_s=5.0)
    names = set()
    for index in range(20, 400):
        health.add(sample(index / 20 - (2.0 if index % 2 else 0.0)))
        names.add(only(health, index / 20).name)
    assert names == {"signal_fresh", "signal_stamps_back"}
    assert only(health, 20.0).name == "signal_stamps_back"


def test_each_declared_signal_has_one_finding_and_what_is_not_declared_is_passed_over() -> None:
    health = SignalHealth({"force": 1.0, "width": 1.0}, START)
    health.add(SignalSample(at(1.0), {"force": 3.0, "other": math.nan}))
    effects = {finding.source: finding.effect for finding in health.findings(at(1.5))}
    assert effects == {"force": Effect.NEUTRAL, "width": Effect.BLIND}


@given(
    st.lists(st.tuples(st.integers(-(10**10), 10**11), st.floats()), max_size=30),
    st.floats(0.0, 10.0),
    st.integers(0, 10**11),
)
def test_whatever_comes_there_is_one_finding_that_does_not_lie_ahead_of_the_clock(
    samples: list[tuple[int, float]], timeout_s: float, now_ns: int
) -> None:
    health = SignalHealth({"force": timeout_s}, 0)
    for stamp_ns, value in samples:
        health.add(SignalSample(stamp_ns, {"force": value}))
        (finding,) = health.findings(now_ns)
        assert finding.stamp_ns <= now_ns
        assert finding.text.endswith((".", "yet."))
        if not math.isfinite(value):
            assert finding.effect is Effect.BLIND
