from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.models.vlm.positions import linear, multimodal

Shapes = list[tuple[int, int]]

parts = st.lists(st.one_of(st.integers(1, 6), st.tuples(st.integers(1, 5), st.integers(1, 5))), min_size=1, max_size=8)
"""Content: the length of a text, or rows and columns of an image."""


def flags_of(content: list[int | tuple[int, int]]) -> tuple[np.ndarray, Shapes]:
    pieces = [np.zeros(part, bool) if isinstance(part, int) else np.ones(part[0] * part[1], bool) for part in content]
    return np.concatenate(pieces), [part for part in content if not isinstance(part, int)]


def test_text_moves_on_by_one_on_all_axes() -> None:
    positions, following = multimodal(np.zeros(4, bool), [], 7)
    assert positions.tolist() == [[7, 8, 9, 10]] * 3
    assert following == 11


def test_an_image_lies_at_one_time_and_spreads_over_rows_and_columns() -> None:
    flags, shapes = flags_of([2, (2, 3), 1])
    positions, following = multimodal(flags, shapes, 0)
    assert positions[0].tolist() == [0, 1, 2, 2, 2, 2, 2, 2, 5]
    assert positions[1].tolist() == [0, 1, 2, 2, 2, 3, 3, 3, 5]
    assert positions[2].tolist() == [0, 1, 2, 3, 4, 2, 3, 4, 5]
    assert following == 6


def test_linear_positions_count_image_tokens_like_any_other() -> None:
    flags, shapes = flags_of([2, (2, 3), 1])
    positions, following = linear(flags, shapes, 3)
    assert positions.tolist() == [list(range(3, 12))]
    assert following == 12


@given(parts, st.integers(0, 1000))
def test_the_next_position_is_one_beyond_the_largest(content: list[int | tuple[int, int]], start: int) -> None:
    flags, shapes = flags_of(content)
    for rule in (linear, multimodal):
        positions, following = rule(flags, shapes, start)
        assert positions.min() == start
        assert following == positions.max() + 1


@given(parts, parts, st.integers(0, 1000))
def test_positions_of_the_whole_are_those_of_its_parts(
    first: list[int | tuple[int, int]], second: list[int | tuple[int, int]], start: int
) -> None:
    for rule in (linear, multimodal):
        whole, end = rule(*flags_of([*first, *second]), start)
        left, middle = rule(*flags_of(first), start)
        right, last = rule(*flags_of(second), middle)
        np.testing.assert_array_equal(whole, np.concatenate([left, right], axis=1))
        assert end == last


@given(parts, st.integers(0, 1000))
def test_a_later_start_moves_everything_alike(content: list[int | tuple[int, int]], start: int) -> None:
    flags, shapes = flags_of(content)
    for rule in (linear, multimodal):
        at_zero, end = rule(flags, shapes, 0)
        later, later_end = rule(flags, shapes, start)
        np.testing.assert_array_equal(later, at_zero + start)
        assert later_end == end + start


@pytest.mark.parametrize("shapes", [[(2, 2)], [(2, 3), (1, 1)], []])
def test_image_tokens_that_no_image_accounts_for_are_refused(shapes: Shapes) -> None:
    flags = np.array([False, *[True] * 6, False])
    with pytest.raises(ValueError, match="image"):
        multimodal(flags, shapes, 0)
