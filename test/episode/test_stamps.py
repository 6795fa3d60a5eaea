from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.fault import BrokenStamp, FrameFault
from vlm_judge_ros.episode.stamps import StampGuard, stamp_from_parts

SECOND = 1_000_000_000
NOW = 1000 * SECOND


@given(st.integers(0, 2**31 - 1), st.integers(0, SECOND - 1))
def test_the_parts_of_a_stamp_are_joined_exactly(seconds: int, nanosec: int) -> None:
    if (seconds, nanosec) == (0, 0):
        return
    assert divmod(stamp_from_parts(seconds, nanosec), SECOND) == (seconds, nanosec)


@pytest.mark.parametrize(
    ("seconds", "nanosec", "fault"),
    [
        (0, 0, FrameFault.STAMP_ZERO),
        (-1, 5, FrameFault.STAMP_INVALID),
        (5, SECOND, FrameFault.STAMP_INVALID),
        (5, 2**32 - 1, FrameFault.STAMP_INVALID),
    ],
)
def test_what_is_no_time_is_refused_by_name(seconds: int, nanosec: int, fault: FrameFault) -> None:
    with pytest.raises(BrokenStamp) as caught:
        stamp_from_parts(seconds, nanosec)
    assert caught.value.fault is fault


@given(st.lists(st.integers(1, 2 * NOW), max_size=100), st.integers(0, 2 * NOW))
def test_stamps_that_pass_rise_until_the_clock_jumps(stamps: list[int], now_ns: int) -> None:
    guard = StampGuard()
    newest = 0
    for stamp in stamps:
        fault = guard.admit(stamp, now_ns)
        if fault is FrameFault.CLOCK_JUMP:
            newest = stamp
        elif fault is None:
            assert stamp > newest
            newest = stamp


def test_repeated_and_late_stamps_are_named() -> None:
    guard = StampGuard()
    faults = [guard.admit(NOW + offset, NOW) for offset in (0, 10, 10, 5, 20)]
    assert faults == [None, None, FrameFault.STAMP_REPEATED, FrameFault.STAMP_BACKWARDS, None]


def test_a_stamp_ahead_of_the_clock_is_named_and_does_not_block_those_after_it() -> None:
    guard = StampGuard()
    assert guard.admit(NOW + 60 * SECOND, NOW) is FrameFault.STAMP_FUTURE
    assert guard.admit(NOW, NOW) is None


def test_while_the_clock_does_not_run_nothing_is_in_the_future() -> None:
    assert StampGuard().admit(NOW, 0) is None


def test_a_stray_old_frame_is_no_jump_but_three_rising_ones_are() -> None:
    guard = StampGuard()
    guard.admit(NOW, NOW)
    assert guard.admit(NOW - 10 * SECOND, NOW) is FrameFault.STAMP_BACKWARDS
    assert guard.admit(NOW + 1, NOW) is None
    old = [guard.admit(NOW - (10 - step) * SECOND, NOW) for step in range(3)]
    assert old == [FrameFault.STAMP_BACKWARDS, FrameFault.STAMP_BACKWARDS, FrameFault.CLOCK_JUMP]
    assert guard.admit(NOW - 7 * SECOND, NOW) is None


def test_a_jump_is_believed_at_once_where_the_node_clock_went_back_too() -> None:
    guard = StampGuard()
    guard.admit(NOW, NOW)
    assert guard.admit(5 * SECOND, 5 * SECOND) is FrameFault.CLOCK_JUMP
