"""From raw scores to progress."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, Logistic, PiecewiseLinear, load_calibration

LINE = {"kind": "piecewise_linear", "scores": [-10.0, -2.0, 0.0], "values": [0.0, 0.5, 1.0]}
CURVE = {"kind": "logistic", "midpoint": -2.0, "slope": 1.5}
FITTED = {"name": "x", "fitted": True, "model_hash": "a", "prompt_hash": "b", "progress": LINE, "success": CURVE}

scores = st.floats(-1e6, 0.0) | st.just(-math.inf)


@given(scores, scores)
def test_a_higher_score_never_means_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for mapping in (PiecewiseLinear.model_validate(LINE), Logistic.model_validate(CURVE)):
        assert 0.0 <= mapping.value_of(low) <= mapping.value_of(high) <= 1.0


def test_the_points_and_the_midpoint_are_met() -> None:
    line, curve = PiecewiseLinear.model_validate(LINE), Logistic.model_validate(CURVE)
    assert [line.value_of(score) for score in (-50.0, -10.0, -6.0, -2.0, -1.0, 0.0)] == [0, 0, 0.25, 0.5, 0.75, 1]
    assert curve.value_of(-2.0) == 0.5


def test_the_default_says_that_it_is_not_fitted_and_knows_nothing_of_success() -> None:
    calibration = load_calibration()
    assert (calibration.name, calibration.fitted) == ("unfitted-v1", False)
    assert math.isnan(calibration.success_probability_of(0.0))
    calibration.check("any model", "any prompts")


def test_the_default_does_not_change_under_its_name() -> None:
    assert load_calibration("unfitted-v1").content_hash == "d2772e6f62cbb4cc"


def test_a_fitted_one_knows_success() -> None:
    calibration = Calibration.model_validate(FITTED)
    assert calibration.success_probability_of(-2.0) == 0.5
    calibration.check("a", "b")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"progress": {**LINE, "scores": [0.0, -2.0, -10.0]}}, "the scores do not rise"),
        ({"progress": {**LINE, "values": [0.5, 0.4, 1.0]}}, "the values fall"),
        ({"progress": {**LINE, "values": [0.0, 1.0]}}, "3 scores have 2 values"),
        ({"progress": {**LINE, "values": [0.0, 0.5, 1.5]}}, "less than or equal to 1"),
        ({"progress": {**CURVE, "slope": -1.0}}, "greater than 0"),
        ({"progress": {"kind": "guess"}}, "progress: "),
        ({"model_hash": ""}, "names no model_hash and prompt_hash"),
        ({"fitted": False}, "success needs a fit"),
        ({"name": "a b"}, "name: "),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({**FITTED, **change}))
    with pytest.raises(JudgeError) as caught:
        load_calibration(str(path))
    assert str(caught.value).startswith(f"The calibration {path} cannot be used: ")
    assert words in str(caught.value)


def test_one_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(JudgeError, match="name one of unfitted-v1, or a "):
        load_calibration("perfect")
