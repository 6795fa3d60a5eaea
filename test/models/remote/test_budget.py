from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.models.remote.budget import HOUR_S, Ledger, Spent
from vlm_judge_ros.models.remote.settings import Budget


def test_without_limits_nothing_is_refused() -> None:
    ledger = Ledger(Budget())
    for _ in range(1000):
        assert ledger.reserve(0.0) is not None


@given(limit=st.integers(1, 20), gaps_s=st.lists(st.floats(0.0, 2000.0), max_size=100))
def test_no_hour_has_more_calls_than_the_limit(limit: int, gaps_s: list[float]) -> None:
    ledger = Ledger(Budget(calls=limit))
    now_s, made = 0.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        within = sum(now_s - began_s < HOUR_S for began_s in made)
        if ledger.reserve(now_s) is not None:
            made.append(now_s)
            assert within < limit
        else:
            assert within == limit


@given(
    limits=st.builds(
        Budget,
        calls=st.none() | st.integers(1, 10),
        tokens=st.none() | st.integers(1, 5000),
        money=st.none() | st.floats(0.001, 0.01),
        input_price=st.floats(0.5, 2.0),
        output_price=st.floats(0.5, 8.0),
    ),
    calls=st.lists(st.tuples(st.floats(0.0, 600.0), st.integers(0, 2000), st.integers(0, 500)), max_size=40),
)
def test_what_is_spent_frees_up_when_it_is_said_to(limits: Budget, calls: list[tuple[float, int, int]]) -> None:
    ledger = Ledger(limits)
    now_s = 0.0
    for gap_s, read, written in calls:
        now_s += gap_s
        expense = ledger.reserve(now_s)
        if expense is not None:
            ledger.settle(expense, read, written)
            continue
        exhausted = ledger.exhausted(now_s)
        assert exhausted is not None and 0.0 < exhausted.wait_s <= HOUR_S
        now_s += exhausted.wait_s + 1e-6
        assert ledger.exhausted(now_s) is None


def test_attempts_in_flight_are_counted_before_they_are_answered() -> None:
    ledger = Ledger(Budget(calls=2))
    assert ledger.reserve(0.0) is not None and ledger.reserve(0.0) is not None
    assert ledger.reserve(0.0) is None


def test_money_is_counted_by_both_prices() -> None:
    ledger = Ledger(Budget(money=5.0, input_price=2.0, output_price=8.0))
    expense = ledger.reserve(0.0)
    assert expense is not None
    ledger.settle(expense, 1_000_000, 250_000)
    assert ledger.spent(0.0) == Spent(1, 1_250_000, pytest.approx(4.0))
    assert ledger.exhausted(0.0) is None
    expense = ledger.reserve(600.0)
    assert expense is not None
    ledger.settle(expense, 500_000, 0)
    exhausted = ledger.exhausted(1200.0)
    assert exhausted is not None and math.isclose(exhausted.wait_s, HOUR_S - 1200.0)
    assert ledger.exhausted(HOUR_S) is None


def test_of_several_limits_the_one_that_lasts_longest_is_named() -> None:
    ledger = Ledger(Budget(calls=2, tokens=10))
    assert ledger.reserve(0.0) is not None
    expense = ledger.reserve(100.0)
    assert expense is not None
    ledger.settle(expense, 9, 1)
    exhausted = ledger.exhausted(100.0)
    assert exhausted is not None and exhausted.what == "10 tokens" and exhausted.wait_s == HOUR_S
