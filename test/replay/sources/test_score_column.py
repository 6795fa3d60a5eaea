from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.column_score import ColumnScore
from vlm_judge_ros.replay.sources.score_column import ScoreColumn, score_columns, usual_columns


def test_a_column_is_named_alone_or_with_its_scale() -> None:
    assert score_columns([]) is None
    assert score_columns(["none"]) == ()
    assert score_columns(["next.reward", "quality=1:5", "cost=10:-2.5"]) == (
        ScoreColumn("next.reward"),
        ScoreColumn("quality", 1.0, 5.0),
        ScoreColumn("cost", 10.0, -2.5),
    )


@pytest.mark.parametrize(
    ("given_texts", "reason"),
    [
        (["quality=1"], "not of the form NAME or NAME=LOW:HIGH"),
        (["quality=2:2"], "not of the form NAME or NAME=LOW:HIGH"),
        (["=1:5"], "not of the form"),
        ([""], "names no column"),
        (["x" * 81], "names no column"),
        (["none", "quality"], "does not go with others"),
        (["a", "a=1:5"], "names a column twice"),
    ],
)
def test_what_names_no_column_is_refused(given_texts: list[str], reason: str) -> None:
    with pytest.raises(JudgeError, match=reason):
        score_columns(given_texts)


def test_usual_names_are_taken_unless_they_tell_the_truth() -> None:
    there = {"action", "success", "score", "quality"}
    assert usual_columns(there, []) == (ScoreColumn("score"), ScoreColumn("success"))
    assert usual_columns(there, ["score"]) == (ScoreColumn("success"),)


@given(st.lists(st.integers(1, 5), min_size=1))
def test_the_last_number_counts_on_its_scale(stars: list[int]) -> None:
    told = ScoreColumn("stars", 1.0, 5.0).read(stars, 0)
    assert told == ColumnScore(column="stars", score=(stars[-1] - 1) / 4)
    turned = ScoreColumn("stars", 5.0, 1.0).read(stars, 0)
    assert turned is not None and turned.score == pytest.approx((5 - stars[-1]) / 4)


@pytest.mark.parametrize(
    ("values", "success"),
    [([False, True, False], True), ([False], False), (["success"], True), (["Failed"], False), ([[True]], True)],
)
def test_truth_values_and_words_for_them_say_whether_it_was_done(values: list[object], success: bool) -> None:
    assert ScoreColumn("done").read(values, 0) == ColumnScore(column="done", success=success)


@pytest.mark.parametrize("values", [[], [None], [float("nan")], [""]])
def test_what_is_empty_says_nothing(values: list[object]) -> None:
    assert ScoreColumn("done").read(values, 0) is None


@pytest.mark.parametrize("values", [[70.0], ["rather good"], [[0.1, 0.2]], [-0.1], [float("inf")]])
def test_what_is_no_score_is_refused_and_says_how_to_go_on(values: list[object]) -> None:
    with pytest.raises(JudgeError, match=r"'quality' of episode 7 says .* --score-column quality=1:5, or .* none"):
        ScoreColumn("quality").read(values, 7)
