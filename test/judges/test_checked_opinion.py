from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.checked_opinion import checked_fields
from vlm_judge_ros.judges.opinion import Critique, JudgeProvenance, Opinion, SubtaskOpinion, SubtaskState
from vlm_judge_ros.judges.proof import proof

EVIDENCE = proof(("front",))
PROVENANCE = JudgeProvenance("scripted", "", "cpu", "scripted")


def opinion(**answer: object) -> Opinion:
    return Opinion(EVIDENCE, PROVENANCE, **answer)  # type: ignore[arg-type]


def test_every_field_but_the_evidence_is_handed_on() -> None:
    steps = (SubtaskOpinion("grasp", 0.25, 1.0, SubtaskState.DONE), SubtaskOpinion("lift", 0.75))
    critique = Critique(0.5, math.nan, 1.0, "Grasp lower.", "wrist", 2.5)
    asked = opinion(raw_score_bound=-3.0, subtasks=steps, critique=critique, reason="seen")
    checked = checked_fields(asked)
    assert set(checked) == {entry.name for entry in fields(Opinion)} - {"evidence"}
    assert repr(Opinion(evidence=EVIDENCE, **checked)) == repr(asked)


def test_numbers_of_any_kind_become_those_that_messages_take() -> None:
    steps = (SubtaskOpinion("grasp", np.float32(1.0), np.float64(0.5), 3),)  # type: ignore[arg-type]
    critique = Critique(smoothness=np.float32(0.5), at_s=np.float64(1.0))  # type: ignore[arg-type]
    checked = checked_fields(
        opinion(progress=np.float32(0.5), unparsable=np.bool_(False), subtasks=steps, critique=critique)
    )
    step = checked["subtasks"][0]
    assert (type(step.weight), type(step.progress), step.state) == (float, float, SubtaskState.DONE)
    assert (type(checked["critique"].smoothness), type(checked["unparsable"])) == (float, bool)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"progress": 1.5}, "with progress 1.5; it has to be from 0 to 1, or NaN"),
        ({"progress_low": -0.5}, "with progress_low -0.5"),
        ({"failure_probability": math.inf}, "with failure_probability inf"),
        ({"progress": 0.5, "unparsable": True}, "with progress 0.5 from what cannot be read"),
        ({"subtasks": (SubtaskOpinion("", 1.0),)}, "a subtask without a name"),
        ({"subtasks": (SubtaskOpinion("lift", 2.0),)}, "with weight 2 of subtask 'lift'"),
        ({"subtasks": (SubtaskOpinion("lift", math.nan),)}, "with weight nan of subtask 'lift'"),
        ({"subtasks": (SubtaskOpinion("lift", 1.0, 7.0),)}, "with progress of subtask 'lift' 7;"),
        ({"subtasks": (SubtaskOpinion("lift", 0.5),)}, "weights add up to 0.5; it has to be 1"),
        ({"critique": Critique(safety=-1.0)}, "with safety -1; it has to be from 0 to 1, or NaN"),
        ({"critique": Critique(at_s=-1.0)}, "with at_s -1; it has to be seconds from 0, or NaN"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(answer: dict[str, object], sentence: str) -> None:
    with pytest.raises(JudgeError) as caught:
        checked_fields(opinion(**answer))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("The judge answered with ")


@given(st.text())
def test_texts_of_a_model_can_be_sent_and_printed_whatever_is_in_them(text: str) -> None:
    steps = (SubtaskOpinion(f"step {text}", 1.0),)
    checked = checked_fields(opinion(reason=text + "\ud800\x1b\x00", subtasks=steps, critique=Critique(advice=text)))
    for shown in (checked["reason"], checked["subtasks"][0].name, checked["critique"].advice):
        assert shown.encode("utf-8").decode("utf-8").isprintable()
