"""The table of the safety stop node's parameters, and what is made from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.node.stop_messages import clean
from vlm_judge_ros.node.stop_parameters import (
    DEFAULT_ADAPTERS,
    PARAMETERS,
    is_ros_name,
    markdown,
    parameter_file,
    parameters_for,
)
from vlm_judge_ros.node.stop_settings import stop_node_settings
from vlm_judge_ros.parameters.parameter import Parameter, Value

CHECKOUT = Path(__file__).parents[2]
DEFAULTS = {name: entry.default for name, entry in parameters_for((), DEFAULT_ADAPTERS).items()}


def values(sources: tuple[str, ...] = (), adapters: tuple[str, ...] = DEFAULT_ADAPTERS) -> dict[str, Value]:
    known = parameters_for(sources, adapters)
    return {**{name: entry.default for name, entry in known.items()}, "sources": sources, "adapters": adapters}


def test_the_shipped_parameter_file_is_the_table() -> None:
    written = (CHECKOUT / "config" / "safety_stop.yaml").read_text()
    assert written == parameter_file() + "\n", "python -m vlm_judge_ros.node.stop_parameters --file prints it"
    given = yaml.safe_load(written)["/**"]["ros__parameters"]
    assert given == {name: list(it) if isinstance(it, tuple) else it for name, it in DEFAULTS.items()}


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    text = (CHECKOUT / "docs" / "safety_stop.md").read_text(encoding="utf-8")
    assert markdown() in text, "python -m vlm_judge_ros.node.stop_parameters prints the table"


@pytest.mark.parametrize("example", range(3))
def test_the_examples_in_the_docs_can_be_used(example: int) -> None:
    text = (CHECKOUT / "docs" / "safety_stop.md").read_text(encoding="utf-8")
    given = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[example])
    given = given["safety_stop_node"]["ros__parameters"]
    sources, adapters = tuple(given.get("sources", ())), tuple(given["adapters"])
    known = parameters_for(sources, adapters)
    assert given.keys() <= known.keys()
    assert [known[name].refuse(value) for name, value in given.items() if known[name].refuse(value)] == []
    merged = values(sources, adapters) | {name: tuple(it) if isinstance(it, list) else it for name, it in given.items()}
    assert [adapter.name for adapter in stop_node_settings(merged).adapters] == list(adapters)


@pytest.mark.parametrize("entry", PARAMETERS, ids=[entry.name for entry in PARAMETERS])
def test_every_parameter_is_documented_and_accepts_its_default(entry: Parameter) -> None:
    assert entry.text.endswith(".")
    assert entry.refuse(entry.default) is None


def test_the_defaults_make_a_node_that_publishes_a_bool() -> None:
    settings = stop_node_settings(DEFAULTS)
    assert (settings.judge, settings.stop_severity, settings.observes) == ("judge_node", Severity.ERROR, False)
    (adapter,) = settings.adapters
    assert (adapter.kind, adapter.target) == ("bool_topic", "~/stop")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"judge": "no name"}, 'Parameter judge is "no name"; set it to the name of the judge node'),
        ({"front.topic": ""}, 'Parameter front.topic is ""; set it to the name of the topic'),
        ({"front.type": "Image"}, 'Parameter front.type is "Image"; write it like sensor_msgs/msg/Image.'),
        ({"arm.target": "x" * 201}, "Parameter arm.target is"),
        ({"arm.joint_states": "9"}, "Parameter arm.joint_states is"),
        ({"arm.kind": "switch_controllers", "arm.target": "/a"}, "Parameter arm.controllers is []; name the"),
        ({"adapters": ("front",)}, "Parameters sources and adapters both name front;"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(changed: dict[str, Value], sentence: str) -> None:
    usable = {**values(("front",), ("arm",)), "front.topic": "/front"}
    stop_node_settings(usable)
    with pytest.raises(JudgeError) as caught:
        stop_node_settings({**usable, **changed})
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["sources", "adapters"])
@pytest.mark.parametrize("bad", [("Front",), ("a", "a"), ("x.y",), ("x" * 64,), ("a\nb",)])
def test_names_of_sources_and_adapters_are_checked(name: str, bad: tuple[str, ...]) -> None:
    refusal = parameters_for((), ())[name].refuse(bad)
    assert refusal is not None and name in refusal


def test_a_node_without_adapters_is_refused() -> None:
    refusal = parameters_for((), ())["adapters"].refuse(())
    assert refusal is not None and "at least one" in refusal


def test_names_are_those_that_ros_takes() -> None:
    assert all(map(is_ros_name, ("a", "/a/b_1", "~/stop", "arm_controller/joint_trajectory")))
    assert not any(map(is_ros_name, ("", "/", "a/", "a b", "a//b", "1a", "a\n", "~stop", "a;b")))


def test_text_of_others_stays_one_line_of_bounded_length() -> None:
    assert clean("one\ntwo\x1b[31m") == "one two [31m"
    assert len(clean("x" * 10_000)) == 300
