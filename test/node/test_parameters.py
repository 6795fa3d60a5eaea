"""The table of parameters, and everything that is made from it."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import JUDGES, JudgeOptions
from vlm_judge_ros.parameters.contradictions import refuse_contradictions
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.parameters.judge_node import PARAMETERS, markdown, parameter_file, parameters_for
from vlm_judge_ros.parameters.parameter import Parameter, Value
from vlm_judge_ros.parameters.settings import camera_inputs, engine_settings, review_settings, worker_settings
from vlm_judge_ros.verdict.review import ReviewOn, ReviewSettings
from vlm_judge_ros.verdict.settings import KeyframeChoice

CHECKOUT = Path(__file__).parents[2]
NAMES = [entry.name for entry in PARAMETERS]


def test_the_shipped_parameter_file_is_the_table() -> None:
    written = (CHECKOUT / "config" / "judge.yaml").read_text()
    assert written == parameter_file() + "\n"
    values = yaml.safe_load(written)["/**"]["ros__parameters"]
    known = parameters_for(("front", "wrist"))
    assert values == {
        name: list(entry.default) if isinstance(entry.default, tuple) else entry.default
        for name, entry in known.items()
    }


@pytest.mark.parametrize("entry", PARAMETERS, ids=NAMES)
def test_every_parameter_is_documented_and_accepts_its_default(entry: Parameter) -> None:
    assert entry.text.endswith(".")
    assert entry.for_camera("front").refuse(entry.default) is None
    assert f"| `{entry.name}` |" in markdown()


def test_the_defaults_make_settings() -> None:
    values = GivenParameters().for_cameras(("front", "wrist"))
    assert engine_settings(values).camera_names == ("front", "wrist")
    assert [camera.topic for camera in camera_inputs(values)] == ["front/image", "wrist/image"]
    assert worker_settings(values).judge == "embedded"
    compressed = camera_inputs({**values, "wrist.transport": "compressed"})[1]
    assert compressed.topic == "wrist/image/compressed"


def test_a_judge_that_keeps_what_it_read_is_shown_steady_frames_unless_told_otherwise() -> None:
    values = GivenParameters().for_cameras(("front", "wrist"))
    asked = {**values, "judge": "token_reward"}
    assert engine_settings({**values, "judge": "pairwise"}).keyframe_choice is KeyframeChoice.EVEN
    assert engine_settings(asked).keyframe_choice is KeyframeChoice.STEADY
    assert engine_settings({**asked, "keyframe_choice": "even"}).keyframe_choice is KeyframeChoice.EVEN
    assert engine_settings({**values, "keyframe_choice": "steady"}).keyframe_choice is KeyframeChoice.STEADY


def test_a_judge_that_watches_how_things_move_is_shown_what_was_just_now() -> None:
    values = GivenParameters().for_cameras(("front", "wrist"))
    assert engine_settings({**values, "judge": "embedded"}).keyframe_choice is KeyframeChoice.RECENT
    assert engine_settings({**values, "keyframe_choice": "even"}).keyframe_choice is KeyframeChoice.EVEN


def test_how_often_a_judge_is_asked_and_when_it_is_believed_suits_it_unless_told_otherwise() -> None:
    values = GivenParameters().for_cameras(("front", "wrist"))
    watching, other = engine_settings(values), engine_settings({**values, "judge": "token_reward"})
    assert watching.asks_during_chunks
    assert not other.asks_during_chunks
    assert watching.period_s < other.period_s
    assert watching.judge_failure_hold_s < other.judge_failure_hold_s
    assert watching.judge.failure_threshold > other.judge.failure_threshold
    told = engine_settings({**values, "period_s": 3.0, "failure_threshold": 0.5, "judge_failure_hold_s": 7.0})
    assert (told.period_s, told.judge.failure_threshold, told.judge_failure_hold_s) == (3.0, 0.5, 7.0)


def test_the_judge_is_told_what_was_set() -> None:
    values = GivenParameters().for_cameras(("front", "wrist", "top"))
    asked = {**values, "cameras": ("front", "wrist", "top"), "providers": ("cuda", "cpu"), "wrist.image_tokens": 32}
    options = worker_settings({**asked, "keyframes": 5, "prompts": "three-v1"}).options
    assert options.cameras == ("front", "wrist", "top")
    assert options.providers == ("cuda", "cpu")
    assert options.image_tokens == {"wrist": 32}
    assert (options.images_per_camera, options.prompts) == (5, "three-v1")


BOTH = GivenParameters().for_cameras(("front", "wrist"))


def test_every_option_of_a_judge_has_a_parameter() -> None:
    of_cameras = {"images_per_camera", "image_tokens"}
    assert {entry.name for entry in fields(JudgeOptions)} - of_cameras <= set(BOTH)
    given = {"server": "vllm", "image_size_px": 448, "jpeg_quality": 70, "record": "a", "replay": "b", "seed": 3}
    given |= {"samples": 4, "examples": "c", "example_tokens": 9, "checklist": "d", "goal_image": "e"}
    given |= {"start_image": "f", "ensemble": "g"}
    options = worker_settings({**BOTH, **given}).options
    assert {name: getattr(options, name) for name in given} == given


@pytest.mark.parametrize("name", ["judge", "review_judge"])
def test_the_parameter_names_every_judge(name: str) -> None:
    listed = re.search(r": ([a-z_, ]+), or the import path", parameters_for(())[name].text)
    assert listed is not None
    assert listed[1].split(", ") == sorted(JUDGES)


def test_without_a_review_judge_there_is_no_review() -> None:
    assert engine_settings(BOTH).review is None
    assert review_settings(BOTH) is None


def test_a_review_has_its_own_model_server_and_prompts_and_shares_the_rest() -> None:
    values = {**BOTH, "review_judge": "critique", "review_model": "large", "review_server": "openai", "model": "small"}
    values |= {"review_prompts": "critique-v1", "precision": "q4", "calibration": "mine.json", "seed": 5}
    judge, review = worker_settings(values), review_settings(values)
    assert review is not None
    assert (judge.judge, judge.options.model, judge.options.server) == ("embedded", "small", "")
    assert (review.judge, review.options.model, review.options.server) == ("critique", "large", "openai")
    assert (review.options.prompts, review.options.precision, review.options.calibration) == ("critique-v1", "", "")
    assert (review.options.seed, review.options.cameras) == (5, ("front", "wrist"))
    cadence = engine_settings({**values, "review_on": ("timer",), "review_gap_s": 2.0}).review
    assert cadence == ReviewSettings((ReviewOn.TIMER,), period_s=30.0, gap_s=2.0, timeout_s=30.0, failure_threshold=0.9)


def test_a_review_is_believed_as_it_suits_the_second_judge_and_not_the_first() -> None:
    values = {**BOTH, "review_judge": "critique"}
    first, second = engine_settings(values), engine_settings({**values, "judge": "critique"})
    assert first.review == second.review
    assert first.review is not None
    assert first.review.failure_threshold == second.judge.failure_threshold < first.judge.failure_threshold
    told = engine_settings({**values, "failure_threshold": 0.5})
    assert told.review is not None
    assert told.review.failure_threshold == told.judge.failure_threshold == 0.5


def test_a_model_on_a_server_is_shown_even_frames_because_it_keeps_nothing() -> None:
    asked = {**BOTH, "judge": "token_reward", "server": "vllm"}
    assert engine_settings(asked).keyframe_choice is KeyframeChoice.EVEN


def test_the_defaults_do_not_contradict_each_other() -> None:
    refuse_contradictions(BOTH)
    refuse_contradictions({**BOTH, "review_judge": "critique", "review_server": "openai", "record": "exchanges.jsonl"})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"period_s": 6.0}, "Parameter opinion_timeout_s is 5.0 s and period_s is 6.0 s; set"),
        ({"deadline_s": 40.0}, "Parameter deadline_s is 40.0 s and hang_timeout_s is 30.0 s; set hang_timeout_s"),
        ({"review_model": "large"}, 'Parameter review_model is "large" and review_judge is empty; set review_judge'),
        ({"review_on": ("timer",)}, "Parameter review_on is [timer] and review_judge is empty;"),
        (
            {"review_judge": "critique", "review_deadline_s": 40.0},
            "review_deadline_s is 40.0 s and hang_time",
        ),
        (
            {"review_judge": "critique", "review_timeout_s": 9.0},
            "is 20.0 s and review_timeout_s is 9.0 s; set",
        ),
        ({"server": "vllm", "record": "a", "replay": "b"}, 'Parameter record is "a" and replay is "b"; set one'),
        ({"replay": "a"}, 'Parameter replay is "a" and no server is asked; set server or review_server'),
        ({"judge": "token_reward", "image_size_px": 448}, "Parameter image_size_px is 448 and no server is asked;"),
    ],
)
def test_what_contradicts_itself_is_refused_in_a_sentence(values: dict[str, Value], sentence: str) -> None:
    with pytest.raises(JudgeError) as caught:
        refuse_contradictions({**BOTH, **values})
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_an_ensemble_or_a_judge_of_ones_own_may_have_servers_of_its_own() -> None:
    for judge in ("ensemble", "my_package.my_judge:create"):
        refuse_contradictions({**BOTH, "judge": judge, "replay": "exchanges.jsonl"})


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.lists(st.integers())
)


@given(entry=st.sampled_from(PARAMETERS), value=anything)
def test_a_refusal_names_parameter_and_remedy_and_what_is_accepted_is_in_range(entry: Parameter, value: object) -> None:
    refusal = entry.refuse(value)
    if refusal is not None:
        assert refusal.startswith(f"Parameter {entry.name} ")
        assert refusal.endswith(".")
        assert len(refusal) > len(f"Parameter {entry.name} ") + 10
        return
    assert isinstance(value, type(entry.default)) or isinstance(entry.default, tuple)
    if entry.low is not None and entry.high is not None:
        assert isinstance(value, (int, float))
        assert math.isfinite(value)
        assert entry.low <= value <= entry.high


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("cameras", [], "Parameter cameras is []; give at least one camera, each once."),
        ("cameras", ["a", "a"], "Parameter cameras is [a, a]; give at least one camera, each once."),
        ("cameras", ["Front Cam"], 'Parameter cameras holds "Front Cam"; name a camera with lower-case letters'),
        ("success_evidence", [], "name at least one kind, because a judge alone never grants success."),
        ("providers", [], "Parameter providers is []; give at least one, each once."),
        ("providers", ["cpu", "npu"], "set it to any of cpu, cuda, tensorrt."),
        ("review_on", [], "Parameter review_on is []; give at least one, each once."),
        ("review_on", ["alarm", "boredom"], "set it to any of alarm, success, timer."),
        ("success_evidence", ["hope"], "set it to any of joint_motion, image_motion."),
        ("intra_op_threads", 0, "Parameter intra_op_threads is 0; set it to a whole number from 1 to 64."),
        ("intra_op_threads", True, "Parameter intra_op_threads is true; set it to a whole number."),
        ("deadline_s", math.nan, "Parameter deadline_s is nan; set it to a decimal number from 0.05 to 600 s."),
    ],
)
def test_refusals_say_what_to_do(name: str, value: object, sentence: str) -> None:
    refusal = parameters_for(("front",))[name].refuse(value)
    assert refusal is not None
    assert sentence in refusal
