from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.parts import (
    Part,
    parts_by_chunks,
    parts_by_gaps,
    parts_by_markers,
    parts_by_tasks,
    without_empty,
)

TIMES = st.lists(st.integers(0, 1000), unique=True).map(sorted)


@given(TIMES, st.integers(1, 100))
def test_gaps_part_all_images_and_only_where_there_is_a_gap(times_ns: list[int], gap_ns: int) -> None:
    parts = parts_by_gaps(times_ns, gap_ns)
    inside = [[time_ns for time_ns in times_ns if part.start_ns <= time_ns < part.stop_ns] for part in parts]
    assert [time_ns for part in inside for time_ns in part] == times_ns
    assert all(after - before <= gap_ns for part in inside for before, after in pairwise(part))
    assert all(after[0] - before[-1] > gap_ns for before, after in pairwise(inside))


def test_an_episode_lasts_from_a_new_task_to_the_next() -> None:
    told = [(10, "open"), (20, "open "), (30, ""), (40, "close"), (50, "open")]
    assert parts_by_tasks(told, 60) == [
        Part(10, 40, task="open"),
        Part(40, 50, task="close"),
        Part(50, 60, task="open"),
    ]


def test_an_episode_begins_where_the_numbers_of_chunks_begin_anew() -> None:
    numbers = [(10, 1), (20, 2), (21, 2), (30, 1), (40, 5), (50, 4)]
    assert parts_by_chunks(numbers, 60) == [Part(10, 30), Part(30, 50), Part(50, 60)]


def test_markers_start_and_stop_episodes_and_may_name_them() -> None:
    markers = [(5, "stop"), (10, "start"), (20, "STOP now"), (30, "start: pick 1"), (40, "Start pick 2")]
    assert parts_by_markers(markers, 60) == [Part(10, 20), Part(30, 40, "pick 1"), Part(40, 60, "pick 2")]


@pytest.mark.parametrize("text", ["", "begin", "started", "go"])
def test_what_is_no_marker_is_named(text: str) -> None:
    with pytest.raises(JudgeError, match="publish start, start NAME, or stop"):
        parts_by_markers([(1, text)], 10)


@given(TIMES, st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 200))))
def test_only_parts_with_an_image_are_left(times_ns: list[int], spans: list[tuple[int, int]]) -> None:
    parts = sorted((Part(start, start + length) for start, length in spans), key=lambda part: part.start_ns)
    expected = [part for part in parts if any(part.start_ns <= time_ns < part.stop_ns for time_ns in times_ns)]
    assert without_empty(parts, times_ns) == expected
