from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.episode_selection import EpisodeSelection


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=6))
def test_ranges_hold_what_python_ranges_hold(parts: list[tuple[int, int]]) -> None:
    chosen = EpisodeSelection.parse(",".join(f"{first}:{first + count}" for first, count in parts))
    wanted = {number for first, count in parts for number in range(first, first + count)}
    assert {number for number in range(100) if number in chosen} == wanted


def test_open_ranges_and_single_numbers() -> None:
    chosen = EpisodeSelection.parse(" :2, 17 ,90:")
    assert [number for number in range(93) if number in chosen] == [0, 1, 17, 90, 91, 92]
    assert 12345 in EpisodeSelection.parse("")
    assert chosen.missing([0, 1, 2]) == (17,)


@pytest.mark.parametrize("text", ["1-3", "a", "3:1", "3:3", "1,,2", "-1", "1:2:3"])
def test_what_cannot_be_read_is_one_sentence(text: str) -> None:
    with pytest.raises(JudgeError, match="Episodes"):
        EpisodeSelection.parse(text)
