"""Estimated losses and percentiles."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.node.arrivals import Arrivals, percentile

PERIOD_NS = 33_333_333


def arrivals_of(numbers: list[int], longest_gap_s: float = 2.0) -> Arrivals:
    arrivals = Arrivals()
    for number in numbers:
        arrivals.add(10**18 + number * PERIOD_NS, 0.001, longest_gap_s)
    return arrivals


@given(lost=st.sets(st.integers(20, 179), max_size=40))
def test_frames_that_are_missing_from_a_steady_stream_are_counted(lost: set[int]) -> None:
    assert arrivals_of([number for number in range(200) if number not in lost]).missing == len(lost)


def test_an_interruption_is_no_loss() -> None:
    assert arrivals_of([*range(100), *range(1000, 1100)]).missing == 0


def test_a_camera_that_slows_down_is_learnt() -> None:
    arrivals = arrivals_of(list(range(100)))
    for number in range(100, 400, 3):
        arrivals.add(10**18 + number * PERIOD_NS, 0.001, 2.0)
    counted = arrivals.missing
    for number in range(400, 700, 3):
        arrivals.add(10**18 + number * PERIOD_NS, 0.001, 2.0)
    assert arrivals.missing == counted


@given(values=st.lists(st.floats(0, 10), min_size=1), share=st.floats(0, 1))
def test_a_percentile_is_one_of_the_values(values: list[float], share: float) -> None:
    assert percentile(values, share) in values
    assert percentile(values, 0) == min(values)
    assert percentile(values, 1) == max(values)


def test_the_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.5))
