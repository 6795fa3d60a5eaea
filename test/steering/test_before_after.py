"""Whether a chunk was progress, by the frames before and after it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_writers import KnownWriter, texts
from judges.test_pairwise import PROMPT, TASK, Preference, brighter, moment

from vlm_judge_ros.steering.before_after import BeforeAfter, ChunkProgress


def scored(model: Any, before: float, after: float) -> ChunkProgress:
    return BeforeAfter(model, PROMPT).score(moment(before), moment(after), TASK)


@pytest.mark.parametrize("model", [Preference(), KnownWriter(brighter)])
def test_progress_scores_above_a_half_and_setback_below(model: Any) -> None:
    assert scored(model, 0.2, 0.9).score > 0.8
    assert scored(model, 0.9, 0.2).score < 0.2


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(-3.0, 3.0))
def test_a_chunk_and_its_reverse_add_up_to_one_or_both_are_left_open(before: float, after: float, bias: float) -> None:
    model = Preference(first=bias)
    one, other = scored(model, before, after), scored(model, after, before)
    assert one.abstained is other.abstained
    if not one.abstained:
        assert one.score + other.score == pytest.approx(1.0)
        assert 0.0 <= one.score <= 1.0
        assert 0.0 <= one.spread <= 0.5


@pytest.mark.parametrize("side", ["A", "B"])
def test_a_model_that_goes_by_the_order_says_nothing(side: str) -> None:
    found = scored(KnownWriter([{"seen": "", "closer": side, "confidence": 0.9}]), 0.2, 0.9)
    assert found.abstained
    assert math.isnan(found.spread)
    assert "in the other order" in found.reason


def test_a_slight_preference_for_a_place_is_told_as_spread() -> None:
    found = scored(Preference(first=0.5), 0.2, 0.9)
    assert found.score > 0.8
    assert found.spread > 0.02


def test_no_difference_is_neither_progress_nor_abstention() -> None:
    assert scored(KnownWriter([{"seen": "", "closer": "same", "confidence": 0.9}]), 0.2, 0.9).score == 0.5
    same = moment(0.4)
    model = Preference()
    assert BeforeAfter(model, PROMPT).score(same, same, TASK).score == 0.5
    assert model.asked == 0


def test_an_answer_that_cannot_be_read_is_told() -> None:
    found = scored(KnownWriter(["the second"]), 0.2, 0.9)
    assert found.abstained
    assert "cannot be read" in found.reason


def test_the_goal_is_shown_before_both_and_the_instrument_is_named() -> None:
    writer = KnownWriter(brighter)
    judge = BeforeAfter(writer, PROMPT, goal=moment(1.0))
    judge.score(moment(0.2), moment(0.9), TASK)
    assert texts(writer.writings[0]).startswith("For comparison, the finished task")
    assert (judge.provenance.method, judge.provenance.prompt_set) == ("before_after", "pairwise-v1")
