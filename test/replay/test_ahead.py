from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.replay.ahead import MOST_BYTES, MOST_ITEMS, Held, ahead


@given(st.lists(st.integers(0, 2 * MOST_BYTES), max_size=200))
def test_everything_comes_in_its_order(sizes: list[int]) -> None:
    assert list(ahead(Held(number, size) for number, size in enumerate(sizes))) == list(range(len(sizes)))


@pytest.mark.parametrize(("size", "most"), [(0, MOST_ITEMS), (MOST_BYTES // 3, 3), (2 * MOST_BYTES, 0)])
def test_no_more_is_asked_for_before_than_there_is_room_for(size: int, most: int) -> None:
    asked = 0

    def items() -> Iterator[Held[int]]:
        nonlocal asked
        for number in range(1000):
            asked += 1
            yield Held(number, size)

    for number in ahead(items()):
        assert asked - number - 1 <= most


def test_what_came_before_a_failure_is_told_before_it() -> None:
    def items() -> Iterator[Held[int]]:
        yield Held(1, 0)
        yield Held(2, 0)
        raise ValueError("damaged")

    told = []
    with pytest.raises(ValueError, match="damaged"):
        for item in ahead(items()):
            told.append(item)
    assert told == [1, 2]
