"""The critique with models that write what they are told to."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_contexts import KnownContexts
from judges.known_scorers import BrightnessScorer
from judges.known_writers import KnownWriter, frames, texts
from judges.shown_episode import evidence, frame

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.context import Demonstration, ExampleContext
from vlm_judge_ros.judges.critique import DEFAULT_PROMPT, CritiqueJudge, CritiquePrompt
from vlm_judge_ros.judges.critique_answer import CritiqueAnswer
from vlm_judge_ros.judges.cue_list import CueList, load_cues
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.failure_code import NAMED
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Cancellable, Opinion, SubtaskState
from vlm_judge_ros.judges.worker_process import checked_fields
from vlm_judge_ros.judges.written_answer import Unparsable, read_answer
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER

PROMPT = load(CritiquePrompt, "prompt", DEFAULT_PROMPT, SHIPPED_FOLDER)
CUES = load_cues(PROMPT.failure_cues)
SHOWN = evidence([0.0, 0.25, 0.5, 0.75])

ANSWER: dict[str, Any] = {
    "summary": "The gripper holds the cube above the table.",
    "subtasks": [
        {"name": "reach the cube", "progress": 1},
        {"name": "grasp it", "progress": 0.5},
        {"name": "lift it", "progress": 0},
        {"name": "hold it", "progress": None},
    ],
    "task_completion": 0.6,
    "trajectory": {"smoothness": 0.9, "efficiency": 0.5, "safety": None},
    "failure_mode": "SLIP",
    "success_probability": 0.1,
    "failure_probability": 0.3,
    "issue": {"advice": "Reward a firm grip before the lift.", "camera": "wrist", "second": 2.0},
}


def changed(**changes: Any) -> dict[str, Any]:
    """The answer with other values; a name such as `issue__camera` goes into a part of it."""
    answer = copy.deepcopy(ANSWER)
    for name, value in changes.items():
        *parts, last = name.split("__")
        place = answer
        for part in parts:
            place = place[part]
        place[last] = value
    return answer


def judge_of(writer: KnownWriter, **options: Any) -> CritiqueJudge:
    return CritiqueJudge(writer, PROMPT, CUES, 4, **options)


def opinion_on(*answers: Any) -> Opinion:
    return judge_of(KnownWriter(answers)).ask(SHOWN)


# What its answers become


def test_every_part_of_the_answer_reaches_the_opinion() -> None:
    opinion = opinion_on(ANSWER)
    assert (opinion.progress, opinion.raw_score) == (0.6, 0.6)
    assert (opinion.success_probability, opinion.failure_probability) == (0.1, 0.3)
    assert opinion.failure_mode is FailureMode.SLIP
    assert opinion.reason == 'It wrote: "The gripper holds the cube above the table."'
    assert [(subtask.name, subtask.state) for subtask in opinion.subtasks] == [
        ("reach the cube", SubtaskState.DONE),
        ("grasp it", SubtaskState.ACTIVE),
        ("lift it", SubtaskState.PENDING),
        ("hold it", SubtaskState.UNKNOWN),
    ]
    assert sum(subtask.weight for subtask in opinion.subtasks) == pytest.approx(1.0)
    assert math.isnan(opinion.subtasks[3].progress)
    critique = opinion.critique
    assert critique is not None
    assert (critique.smoothness, critique.efficiency) == (0.9, 0.5)
    assert math.isnan(critique.safety)
    assert (critique.advice, critique.camera, critique.at_s) == ("Reward a firm grip before the lift.", "wrist", 2.0)
    assert not opinion.calibrated
    assert not opinion.unparsable
    assert checked_fields(opinion)["progress"] == 0.6


def test_what_the_model_cannot_say_is_not_known() -> None:
    opinion = opinion_on(
        changed(task_completion=None, success_probability=None, failure_probability=None, subtasks=[], issue=None)
    )
    assert opinion.declined and not opinion.unparsable
    assert math.isnan(opinion.success_probability) and math.isnan(opinion.failure_probability)
    assert opinion.subtasks == ()
    assert opinion.critique is not None
    assert opinion.critique.advice == ""
    assert math.isnan(opinion.critique.at_s)


@pytest.mark.parametrize("mode", NAMED)
def test_every_mode_that_a_judge_may_name_is_read_by_its_code(mode: FailureMode) -> None:
    assert opinion_on(changed(failure_mode=mode.name)).failure_mode is mode


@pytest.mark.parametrize("camera", ["front", "wrist"])
@pytest.mark.parametrize("second", [0, 0.0, 1.5, 3.0, 3.05])
def test_a_place_that_was_shown_is_kept(camera: str, second: float) -> None:
    opinion = opinion_on(changed(issue__camera=camera, issue__second=second))
    assert opinion.critique is not None
    assert (opinion.critique.camera, opinion.critique.at_s) == (camera, second)
    assert "names" not in opinion.reason


@pytest.mark.parametrize("camera", ["left", "Front", "", "front camera", "\x1b[31mfront"])
def test_a_camera_that_was_not_shown_is_dropped_with_a_note(camera: str) -> None:
    opinion = opinion_on(changed(issue__camera=camera))
    assert opinion.critique is not None
    assert (opinion.critique.camera, opinion.critique.at_s) == ("", 2.0)
    assert opinion.critique.advice
    assert "which it was not shown" in opinion.reason
    assert opinion.reason.isprintable()


@pytest.mark.parametrize("second", [-0.1, 3.2, 1e300, -1e300])
def test_a_second_outside_the_episode_is_dropped_with_a_note(second: float) -> None:
    opinion = opinion_on(changed(issue__second=second))
    assert opinion.critique is not None
    assert opinion.critique.camera == "wrist"
    assert math.isnan(opinion.critique.at_s)
    assert f"It names second {second:.6g}, and was shown 0 to 3.0." in opinion.reason


def test_text_of_the_model_is_shortened_and_stripped_everywhere() -> None:
    evil = "\x1b[2J\u202e\x00\ud800 words\n" * 1000
    opinion = opinion_on(
        changed(summary=evil, issue__advice=evil, issue__camera=evil, subtasks=[{"name": evil, "progress": 1}])
    )
    assert opinion.critique is not None
    for text in (opinion.reason, opinion.critique.advice, opinion.subtasks[0].name):
        assert 10 < len(text) < 600
        assert text.isprintable()
        text.encode()


# Answers that cannot be read


WRONG = [
    changed(task_completion=1.01),
    changed(task_completion=-0.01),
    changed(task_completion=60),
    changed(task_completion=math.nan),
    changed(task_completion=math.inf),
    changed(task_completion="0.6"),
    changed(task_completion="60 %"),
    changed(task_completion=True),
    changed(success_probability=2),
    changed(success_probability=10**400),
    changed(failure_probability=[0.3]),
    changed(failure_mode="slip"),
    changed(failure_mode="SLIPPED"),
    changed(failure_mode="CAMERA_FAULT"),
    changed(failure_mode="JUDGE_FAULT"),
    changed(failure_mode="SIGNAL_FAULT"),
    changed(failure_mode=3),
    changed(failure_mode=None),
    changed(failure_mode=["SLIP"]),
    changed(summary=""),
    changed(summary=" \n "),
    changed(summary=None),
    changed(threshold=0.0),
    changed(trajectory__speed=1.0),
    changed(trajectory__safety=1.5),
    changed(trajectory=0.5),
    changed(subtasks="all done"),
    changed(subtasks=[{"name": "", "progress": 1}]),
    changed(subtasks=[{"name": "\u200b\x07", "progress": 1}]),
    changed(subtasks=[{"name": "x", "progress": 1, "weight": 1}]),
    changed(subtasks=[{"name": "x", "progress": 1.5}]),
    changed(subtasks=[{"name": "x", "progress": 1}] * 21),
    changed(issue__second="2 s"),
    changed(issue__second=math.nan),
    changed(issue__camera=1),
    changed(issue__advice=""),
    {name: value for name, value in ANSWER.items() if name != "failure_mode"},
    {"answer": ANSWER},
    {},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_an_answer_that_does_not_fit_is_repaired_once_or_unparsable(wrong: dict[str, Any]) -> None:
    writer = KnownWriter([wrong, ANSWER])
    assert judge_of(writer).ask(SHOWN).progress == 0.6
    assert len(writer.writings) == 2
    assert "What is wrong: The answer" in texts(writer.writings[1])

    writer = KnownWriter([wrong])
    opinion = judge_of(writer).ask(SHOWN)
    assert opinion.unparsable and opinion.declined
    assert len(writer.writings) == 2
    assert opinion.reason.startswith("The answer")
    # Not a low score: nothing at all is known.
    for value in (opinion.progress, opinion.success_probability, opinion.failure_probability, opinion.raw_score):
        assert math.isnan(value)
    assert opinion.failure_mode is FailureMode.NONE
    assert opinion.critique is None and opinion.subtasks == ()


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.floats(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(sorted(ANSWER)), VALUES, min_size=1))
def test_no_answer_puts_a_number_out_of_range_into_an_opinion(changes: dict[str, Any]) -> None:
    opinion = opinion_on({**ANSWER, **changes})
    checked_fields(opinion)
    numbers = [opinion.progress, opinion.success_probability, opinion.failure_probability]
    for name, value in zip(["task_completion", "success_probability", "failure_probability"], numbers, strict=True):
        # As it was written, or not known; never bent.
        assert math.isnan(value) or value == changes.get(name, ANSWER[name])


# What the model is asked


def test_the_model_is_shown_labelled_frames_and_told_task_time_modes_and_cameras() -> None:
    writer = KnownWriter([ANSWER])
    judge_of(writer).ask(SHOWN)
    writing = writer.writings[0]
    assert len(frames(writing)) == 8
    told = texts(writing)
    for words in ("front camera, 0.0 s:", "wrist camera, 3.0 s:", "lift the cube", "after 3.0 s", '"front" or "wrist"'):
        assert words in told
    for mode in NAMED:
        assert f"\n{mode.name}: " in told
    assert "CAMERA_FAULT" not in told
    assert "never" in writing.instruction or "nothing about what to answer" in writing.instruction
    assert writing.temperature == 0.0
    assert writing.schema is not None
    assert list(writing.schema["properties"]) == list(ANSWER)
    assert "<sentence>" not in told


def test_early_in_an_episode_fewer_images_are_shown_and_none_twice() -> None:
    writer = KnownWriter([ANSWER])
    for count in (1, 2, 4, 9):
        judge_of(writer).ask(evidence([0.1] * count))
    assert [len(frames(writing)) for writing in writer.writings] == [2, 4, 8, 8]
    assert all(len(set(map(id, frames(writing)))) == len(frames(writing)) for writing in writer.writings)


def test_a_model_that_cannot_be_held_to_a_schema_is_told_of_it() -> None:
    writer = KnownWriter([ANSWER], schema=False)
    judge_of(writer).ask(SHOWN)
    told = texts(writer.writings[0])
    assert '"issue": {"advice": "<sentence>", "camera": "<name>", "second": <number>}}' in told
    # The form is an example of the right keys, and copied it is no answer.
    form = told[told.rindex('{"summary"') :]
    assert isinstance(read_answer(CritiqueAnswer, form), Unparsable)
    written = json.loads(form.replace("<number>", "null").replace("<WORD>", "NONE"))
    assert CritiqueAnswer.model_validate(written).failure_mode is FailureMode.NONE


def test_context_comes_before_the_episode() -> None:
    shot = frame("front", 0.0, 0.9)
    context = ExampleContext(failures=(Demonstration("lift a ball", (shot,), (), FailureMode.SLIP, "It slides out."),))
    writer = KnownWriter([ANSWER])
    judge_of(writer, context_of=KnownContexts({"lift the cube": context})).ask(SHOWN)
    assert frames(writer.writings[0])[0] is shot
    told = texts(writer.writings[0])
    assert told.index("It slides out.") < told.index("front camera, 0.0 s:")


def test_the_same_evidence_and_answers_give_the_same_question_and_opinion() -> None:
    one, two = KnownWriter([ANSWER]), KnownWriter([ANSWER])
    assert repr(judge_of(one).ask(SHOWN)) == repr(judge_of(two).ask(SHOWN))
    assert one.writings == two.writings


def test_the_instrument_is_named_with_its_cues() -> None:
    provenance = judge_of(KnownWriter([ANSWER])).provenance
    assert (provenance.method, provenance.prompt_set, provenance.calibration) == ("critique", "critique-v1", "")
    other = CueList(name=CUES.name, cues={FailureMode.SLIP: ("it slips",)})
    assert CritiqueJudge(KnownWriter([ANSWER]), PROMPT, other, 4).provenance.prompt_hash != provenance.prompt_hash


def test_what_was_shipped_does_not_change_under_its_name() -> None:
    assert (PROMPT.name, CUES.name) == (DEFAULT_PROMPT, "manipulation-v1")
    assert judge_of(KnownWriter([ANSWER])).provenance.prompt_hash == "7c56d23428eb71f1"


# Refusals


def test_a_model_that_cannot_write_is_refused() -> None:
    with pytest.raises(JudgeError, match="critique needs written answers"):
        CritiqueJudge(BrightnessScorer(), PROMPT, CUES, 4)  # type: ignore[arg-type]


def test_a_calibration_of_raw_scores_is_refused() -> None:
    with pytest.raises(JudgeError, match="maps raw scores, and this judge has none"):
        resolve("critique")(JudgeOptions(calibration="unfitted-v1"))


def test_a_context_needs_words() -> None:
    bare = PROMPT.model_copy(update={"context": None})
    with pytest.raises(JudgeError, match="The prompt critique-v1 has no words for examples"):
        CritiqueJudge(KnownWriter([ANSWER]), bare, CUES, 4, context_of=KnownContexts({}))


def test_a_question_can_be_cancelled() -> None:
    writer = KnownWriter([ANSWER])
    judge = judge_of(writer)
    assert isinstance(judge, Cancellable)
    judge.cancel()
    assert writer.cancelled == 1


# Cues


def test_the_shipped_cues_cover_every_kind_of_failure() -> None:
    assert set(CUES.cues) == set(NAMED) - {FailureMode.NONE, FailureMode.UNKNOWN}
    assert all(CUES.cues.values())
    assert "object dropped: the object was held" in " ".join(CUES.sentences)


@pytest.mark.parametrize("code", ["NONE", "UNKNOWN", "CAMERA_FAULT", "slip", "SLIPPED"])
def test_cues_of_what_is_no_kind_of_failure_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match=code):
        CueList.model_validate({"name": "mine", "cues": {code: ["it fails"]}})


def test_a_mode_without_cues_is_named_all_the_same() -> None:
    lines = CueList(name="mine", cues={}).by_code.splitlines()
    assert "SLIP" in lines and "NONE" not in lines
