from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.models.remote.retries import Backoff, asked_pause_s, is_overload, is_worth_a_retry

_NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=timezone.utc)
_SECONDS = st.floats(0.001, 1000.0)


@given(most=st.integers(0, 10), first_s=_SECONDS, longest_s=_SECONDS, seed=st.integers())
def test_pauses_grow_to_the_limit_and_end_with_the_retries(
    most: int, first_s: float, longest_s: float, seed: int
) -> None:
    backoff = Backoff(most, first_s, longest_s, seed)
    for retry in range(most):
        pause_s = backoff.pause_s(retry)
        full_s = min(longest_s, first_s * 2**retry)
        assert pause_s is not None and full_s / 2 <= pause_s <= full_s
    assert backoff.pause_s(most) is None


@given(asked_s=st.floats(0.0, 1e6), longest_s=_SECONDS, seed=st.integers())
def test_a_pause_that_is_asked_for_is_kept_or_there_is_no_retry(asked_s: float, longest_s: float, seed: int) -> None:
    pause_s = Backoff(1, 0.5, longest_s, seed).pause_s(0, asked_s)
    assert (pause_s is None) == (asked_s > longest_s)
    assert pause_s is None or asked_s <= pause_s <= longest_s


def test_the_same_seed_gives_the_same_pauses() -> None:
    first, again, other = (Backoff(9, 1.0, 100.0, seed) for seed in (7, 7, 8))
    pauses = [first.pause_s(retry) for retry in range(9)]
    assert pauses == [again.pause_s(retry) for retry in range(9)]
    assert pauses != [other.pause_s(retry) for retry in range(9)]


@given(st.integers(0, 10**6))
def test_retry_after_is_read_in_seconds_and_as_a_date(seconds: int) -> None:
    date = format_datetime(_NOW + timedelta(seconds=seconds), usegmt=True)
    assert asked_pause_s({"retry-after": str(seconds)}, _NOW) == seconds
    assert asked_pause_s({"retry-after": date}, _NOW) == seconds


def test_a_date_that_has_passed_is_no_pause() -> None:
    assert asked_pause_s({"retry-after": format_datetime(_NOW - timedelta(hours=1), usegmt=True)}, _NOW) == 0.0


def test_milliseconds_are_the_more_exact_word() -> None:
    assert asked_pause_s({"retry-after": "2", "retry-after-ms": "1500"}, _NOW) == 1.5


@given(st.text())
def test_whatever_retry_after_says_the_pause_is_a_number_or_none(text: str) -> None:
    asked_s = asked_pause_s({"retry-after": text}, _NOW)
    assert asked_s is None or 0.0 <= asked_s < float("inf")


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "1e999"])
def test_what_is_no_pause_is_not_taken_for_one(text: str) -> None:
    assert asked_pause_s({"retry-after": text}, _NOW) is None


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_states_of_the_server_are_worth_a_retry(status: int) -> None:
    assert is_worth_a_retry(status) and is_overload(status)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_refusals_are_not_worth_a_retry(status: int) -> None:
    assert not is_worth_a_retry(status) and not is_overload(status)


def test_an_account_without_money_does_not_recover_by_waiting() -> None:
    assert not is_worth_a_retry(429, "insufficient_quota") and not is_overload(429, "insufficient_quota")


def test_what_a_server_does_not_implement_is_its_fault_but_not_passing() -> None:
    assert is_overload(501) and not is_worth_a_retry(501)
