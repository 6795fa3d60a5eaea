"""Instructions as numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.models.instruction import VECTOR_SIZE, familiarity, instruction_vector

KNOWN = ("open the drawer", "push the puck to the goal")


@given(st.text(max_size=200))
def test_any_text_becomes_a_vector_of_unit_length_or_zeros(text: str) -> None:
    vector = instruction_vector(text)
    assert vector.shape == (VECTOR_SIZE,)
    assert np.isclose(np.linalg.norm(vector), 1.0, atol=1e-5) or not vector.any()


def test_case_punctuation_and_word_order_do_not_matter() -> None:
    np.testing.assert_array_equal(instruction_vector("Open the drawer!"), instruction_vector("the drawer, open"))


def test_the_vector_is_the_same_in_every_process() -> None:
    # Python's own hash of strings changes from process to process; a model trained with it would be worthless.
    assert np.flatnonzero(instruction_vector("open drawer")).tolist() == [1, 420]


@given(st.text(max_size=200))
def test_familiarity_lies_between_none_and_all(text: str) -> None:
    assert 0.0 <= familiarity(text, KNOWN) <= 1.0


@pytest.mark.parametrize(
    ("instruction", "expected"), [("Open the drawer.", 1.0), ("open drawer", 2 / 3), ("fold shirts", 0.0), ("", 0.0)]
)
def test_familiarity_is_the_share_of_words_in_common(instruction: str, expected: float) -> None:
    assert familiarity(instruction, KNOWN) == pytest.approx(expected)
