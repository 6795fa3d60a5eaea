from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joints import EPISODE, START_NS, at, chunk, only
from numpy.typing import NDArray

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.monitors.action_reversal import ActionReversal
from vlm_judge_ros.monitors.action_spread import ActionSpread
from vlm_judge_ros.monitors.chunk_consistency import ChunkConsistency
from vlm_judge_ros.monitors.finding import Effect, Severity
from vlm_judge_ros.monitors.policy_certainty import PolicyCertainty
from vlm_judge_ros.monitors.policy_signal import PolicySignalMonitor, PolicySignalSpec
from vlm_judge_ros.monitors.sample_spread import SampleSpread

CONSISTENCY = ChunkConsistency(kind="chunk_consistency", name="consistency", max_distance_share=0.5)
SPREAD = SampleSpread(kind="sample_spread", name="spread", max_spread_share=0.5)
REVERSAL = ActionReversal(kind="action_reversal", name="reversal", max_reversal_share=0.3)
CERTAINTY = PolicyCertainty(kind="policy_certainty", name="certainty", min_certainty_share=0.4)
ALL: tuple[PolicySignalSpec, ...] = (CONSISTENCY, SPREAD, REVERSAL, CERTAINTY)
CHANCE = np.random.default_rng(3)


def planned(begins_s: float, shift: float = 0.0, horizon: int = 16) -> NDArray[np.float64]:
    """What a policy that follows two sines foretells from a moment on, a row in 0.1 s."""
    times_s = begins_s + 0.1 * np.arange(horizon)
    return np.stack([np.sin(times_s) + shift, 0.02 * np.cos(times_s) + 0.02 * shift], axis=1)


def value(spec: PolicySignalSpec, *chunks: Chunk) -> float:
    return only(fed(spec, *chunks), START_NS + 10**12).value


def fed(spec: PolicySignalSpec, *chunks: Chunk) -> PolicySignalMonitor:
    monitor = spec.make(EPISODE)
    assert isinstance(monitor, PolicySignalMonitor)
    for announced in chunks:
        monitor.add_chunk(announced)
    return monitor


def overlapping(count: int, shift: float = 0.0) -> list[Chunk]:
    """Chunks of 1.6 s, one in 0.8 s; every other one shifted."""
    return [chunk(1 + place, 0.8 * place, planned(0.8 * place, shift if place % 2 else 0.0)) for place in range(count)]


def sampled(count: int, scatter: float, jump: float = 0.0) -> list[Chunk]:
    chunks = []
    for place in range(count):
        plan = planned(0.8 * place, jump if place % 2 else 0.0)
        noise = CHANCE.normal(size=(12, *plan.shape)) * scatter * np.array([1.0, 0.02])
        chunks.append(chunk(1 + place, 0.8 * place, plan, plan + noise))
    return chunks


# What a policy does not tell.


@pytest.mark.parametrize("spec", ALL)
def test_a_policy_that_tells_nothing_is_neutral_and_the_text_says_so(spec: PolicySignalSpec) -> None:
    found = only(spec.make(EPISODE), START_NS)
    assert found.effect is Effect.NEUTRAL
    found = only(fed(spec, chunk(1, 0.0), chunk(2, 0.5)), at(1.0))
    assert found.effect is Effect.NEUTRAL
    assert math.isnan(found.value)
    assert "not" in found.text


def test_without_a_limit_the_number_is_told_and_nothing_fails() -> None:
    for kind in (ChunkConsistency, SampleSpread, ActionReversal, PolicyCertainty):
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)[1:]
        spec = kind.model_validate({"kind": name, "name": "signal"})
        chunks = [
            chunk(1 + place, 0.8 * place, each.actions, each.samples, certainty=0.01)
            for place, each in enumerate(sampled(8, 5.0, 9.0))
        ]
        found = only(fed(spec, *chunks), at(99.0))
        assert found.effect is Effect.NEUTRAL
        assert math.isfinite(found.value)
        assert "so far" in found.text


# Consistency.


def test_a_policy_that_keeps_to_its_plan_is_consistent() -> None:
    assert value(CONSISTENCY, *overlapping(8)) == pytest.approx(0.0, abs=1e-9)


def test_a_policy_that_changes_its_mind_is_not() -> None:
    monitor = fed(CONSISTENCY, *overlapping(8, shift=2.0))
    found = only(monitor, at(99.0))
    assert monitor.alarm
    assert (found.effect, found.severity) == (Effect.FAILURE, Severity.WARNING)
    assert found.value > 1.0
    assert "above the limit of 0.5" in found.text


def test_chunks_are_aligned_by_stamp_and_step() -> None:
    fine = chunk(2, 0.8, np.repeat(planned(0.8), 2, axis=0), step_s=0.05)
    assert value(CONSISTENCY, chunk(1, 0.0, planned(0.0)), fine) < 0.15
    late = chunk(2, 0.83, planned(0.83))
    assert value(CONSISTENCY, chunk(1, 0.0, planned(0.0)), late) < 0.15


def test_the_scale_of_a_dimension_does_not_matter() -> None:
    small = [chunk(place.id, 0.8 * index, place.actions * [1.0, 1e-6]) for index, place in enumerate(overlapping(6, 1))]
    assert value(CONSISTENCY, *small) == pytest.approx(value(CONSISTENCY, *overlapping(6, 1)))


def test_sets_of_samples_are_compared_as_sets() -> None:
    steady = value(CONSISTENCY, *sampled(8, scatter=0.5))
    jumping = value(CONSISTENCY, *sampled(8, scatter=0.5, jump=2.0))
    assert steady < 0.3 < 1.0 < jumping


def test_chunks_with_a_gap_between_them_cannot_be_compared() -> None:
    found = only(fed(CONSISTENCY, chunk(1, 0.0, planned(0.0)), chunk(2, 9.0, planned(9.0))), at(99.0))
    assert found.effect is Effect.NEUTRAL
    assert "do not overlap" in found.text


def test_other_dimensions_are_a_new_start() -> None:
    wide = np.concatenate([planned(0.8)] * 2, axis=1)
    found = only(fed(CONSISTENCY, chunk(1, 0.0, planned(0.0)), chunk(2, 0.8, wide)), at(99.0))
    assert found.effect is Effect.NEUTRAL
    assert "no chunk before" in found.text


# Spread of samples.


def test_samples_that_agree_are_not_spread_and_those_that_do_not_are() -> None:
    assert value(SPREAD, *sampled(6, scatter=0.0)) == pytest.approx(0.0)
    assert value(SPREAD, *sampled(6, scatter=0.05)) < 0.2
    assert fed(SPREAD, *sampled(6, scatter=2.0)).alarm


# Reversals.


def test_smooth_actions_do_not_turn_back_and_shaking_ones_do() -> None:
    smooth = [chunk(1 + place, place, planned(place, horizon=10)) for place in range(6)]
    assert value(REVERSAL, *smooth) < 0.1
    shaken = [
        chunk(1 + place, place, planned(place, horizon=10) + 0.3 * np.array([[1.0], [-1.0]] * 5)) for place in range(6)
    ]
    assert value(REVERSAL, *shaken) > 0.8
    assert fed(REVERSAL, *shaken).alarm


def test_turns_smaller_than_the_least_change_do_not_count() -> None:
    noisy = [
        chunk(1 + place, place, planned(place, horizon=10) * [1, 50] + CHANCE.normal(size=(10, 2)) * 0.005)
        for place in range(6)
    ]
    assert value(REVERSAL, *noisy) < 0.1


def test_a_gap_between_chunks_is_a_new_start() -> None:
    rising = np.linspace(0.0, 1.0, 10)[:, None]
    assert value(REVERSAL, chunk(1, 0.0, rising), chunk(2, 1.0, rising)) > 0.0
    assert value(REVERSAL, chunk(1, 0.0, rising), chunk(2, 5.0, rising)) == 0.0


# Certainty.


def test_low_certainty_has_to_last_for_seconds() -> None:
    low = [chunk(1 + place, place, certainty=0.2) for place in range(3)]
    assert not fed(CERTAINTY, *low[:2]).alarm
    monitor = fed(CERTAINTY, *low)
    assert monitor.alarm
    assert "below the limit of 0.4" in only(monitor, at(9.0)).text
    monitor.add_chunk(chunk(4, 3.0, certainty=0.9))
    assert not monitor.alarm


def test_a_certainty_that_is_no_longer_told_is_no_longer_low() -> None:
    monitor = fed(CERTAINTY, *[chunk(1 + place, place, certainty=0.2) for place in range(3)], chunk(4, 3.0))
    assert not monitor.alarm


# Anything at all.


@st.composite
def anything(draw: st.DrawFn) -> list[Chunk]:
    chunks = []
    for number in range(1, draw(st.integers(1, 8))):
        horizon, wide, count = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
        numbers = st.floats(-1e3, 1e3) | st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0])
        size = horizon * wide * (count + 1)
        flat = np.array(draw(st.lists(numbers, min_size=size, max_size=size))).reshape(count + 1, horizon, wide)
        actions = flat[0] if draw(st.booleans()) else None
        samples = flat[1:] if count and draw(st.booleans()) else None
        time_s = draw(st.floats(-10.0, 10.0) | st.just(0.0))
        step_s = draw(st.sampled_from([1e-9, 0.02, 0.1, 1.0]))
        chunks.append(chunk(number, time_s, actions, samples, step_s=step_s, horizon=horizon))
    return chunks


@given(anything())
@pytest.mark.filterwarnings("error")
def test_no_chunk_does_harm(chunks: list[Chunk]) -> None:
    for spec in ALL:
        monitor = spec.make(EPISODE)
        for announced in chunks:
            monitor.add_chunk(announced)
            assert only(monitor, at(0.0)).effect in (Effect.NEUTRAL, Effect.FAILURE)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_the_spread_is_that_of_all_actions_together(sizes: list[int]) -> None:
    parts = [CHANCE.normal(size=(size, 2)) * [1.0, 5.0] + [3.0, -2.0] for size in sizes]
    spread = ActionSpread()
    for number, part in enumerate(parts, start=1):
        spread.add(chunk(number, number, part))
    together = np.concatenate(parts).std(axis=0)
    varying = max(1, int(np.count_nonzero(together > 1e-9)))
    expected = np.where(together > 1e-9, 1.0 / np.maximum(together, 1e-9), 0.0) / math.sqrt(varying)
    assert spread.scaled(np.ones((1, 2)))[0] == pytest.approx(expected)
