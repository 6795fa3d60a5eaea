"""The table of parameters, and everything that is made from it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.node.parameter import Parameter
from vlm_judge_ros.node.parameters import PARAMETERS, markdown, parameter_file, parameters_for
from vlm_judge_ros.node.settings import camera_inputs, engine_settings, worker_settings
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
    values = {name: entry.default for name, entry in parameters_for(("front", "wrist")).items()}
    assert engine_settings(values).camera_names == ("front", "wrist")
    assert [camera.topic for camera in camera_inputs(values)] == ["front/image", "wrist/image"]
    assert worker_settings(values).judge == "embedded"
    compressed = camera_inputs({**values, "wrist.transport": "compressed"})[1]
    assert compressed.topic == "wrist/image/compressed"


def test_a_judge_that_keeps_what_it_read_is_shown_steady_frames_unless_told_otherwise() -> None:
    values = {name: entry.default for name, entry in parameters_for(("front", "wrist")).items()}
    asked = {**values, "judge": "token_reward"}
    assert engine_settings(values).keyframe_choice is KeyframeChoice.EVEN
    assert engine_settings(asked).keyframe_choice is KeyframeChoice.STEADY
    assert engine_settings({**asked, "keyframe_choice": "even"}).keyframe_choice is KeyframeChoice.EVEN
    assert engine_settings({**values, "keyframe_choice": "steady"}).keyframe_choice is KeyframeChoice.STEADY


def test_the_judge_is_told_what_was_set() -> None:
    values = {name: entry.default for name, entry in parameters_for(("front", "wrist", "top")).items()}
    asked = {**values, "cameras": ("front", "wrist", "top"), "providers": ("cuda", "cpu"), "wrist.image_tokens": 32}
    options = worker_settings({**asked, "keyframes": 5, "prompts": "three-v1"}).options
    assert options.cameras == ("front", "wrist", "top")
    assert options.providers == ("cuda", "cpu")
    assert options.image_tokens == {"wrist": 32}
    assert (options.images_per_camera, options.prompts) == (5, "three-v1")


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
