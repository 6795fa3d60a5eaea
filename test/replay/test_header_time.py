from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.replay import header_time
from vlm_judge_ros.replay.ahead import Held
from vlm_judge_ros.replay.header_time import in_order

SECOND_NS = 1_000_000_000


def held(times_ns: list[int], size_bytes: int = 10) -> Iterator[Held[tuple[int, int]]]:
    for number, time_ns in enumerate(times_ns):
        yield Held((time_ns, number), size_bytes)


@given(st.lists(st.tuples(st.integers(0, 400_000_000), st.integers(0, SECOND_NS)), max_size=60))
def test_what_comes_no_later_than_a_second_comes_in_order(steps: list[tuple[int, int]]) -> None:
    now_ns, arrivals = 0, []
    for step_ns, delay_ns in steps:
        now_ns += step_ns
        arrivals.append((now_ns + delay_ns, now_ns))
    stamps = [stamp_ns for _, stamp_ns in sorted(arrivals)]
    told = [each.item for each in in_order(held(stamps))]
    assert [time_ns for time_ns, _ in told] == sorted(stamps)
    assert sorted(number for _, number in told) == list(range(len(stamps)))


def test_what_is_of_the_same_time_keeps_its_order() -> None:
    assert [each.item[1] for each in in_order(held([7] * 20))] == list(range(20))


def test_no_more_waits_than_memory_may_hold() -> None:
    asked = 0

    def items() -> Iterator[Held[tuple[int, int]]]:
        nonlocal asked
        for asked in range(1, 1001):
            yield Held((0, asked), 1 << 20)

    next(in_order(items()))
    assert asked == 65
    many = in_order(held([0] * (header_time.MOST_WAITING + 100)))
    assert len(list(many)) == header_time.MOST_WAITING + 100


def test_what_was_read_before_an_error_is_told_before_it() -> None:
    def items() -> Iterator[Held[tuple[int, int]]]:
        yield from held(random.Random(1).sample(range(10), 10))
        raise ValueError

    told = []
    try:
        for each in in_order(items()):
            told.append(each.item[0])
    except ValueError:
        told.append(-1)
    assert told == [*range(10), -1]
