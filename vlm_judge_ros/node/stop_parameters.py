"""The parameters of the safety stop node: one table, from which they are declared, checked and documented.

`python -m vlm_judge_ros.node.stop_parameters` prints the table as Markdown, and with `--file` as a parameter file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import replace

from vlm_judge_ros.node.stop_adapters.kinds import KINDS
from vlm_judge_ros.parameters.parameter import Change, Parameter, Value, show
from vlm_judge_ros.parameters.table import markdown_table, yaml_file

SOURCE = "<source>"
ADAPTER = "<adapter>"
DEFAULT_ADAPTERS = ("stop_topic",)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ROS_NAME = re.compile(r"(~/|/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
_TYPE = re.compile(r"[a-z][a-z0-9_]*/msg/[A-Z][A-Za-z0-9]*")
_LONGEST_NAME = 200


def _names(parameter: str, what: str, least: int = 0) -> Parameter:
    def check(value: Value) -> str | None:
        assert isinstance(value, tuple)
        for name in value:
            if not _NAME.fullmatch(name):
                return (
                    f"Parameter {parameter} holds {show(name)[:100]}; name {what} with lower-case letters, digits and "
                    "underscores, a letter first."
                )
        if len(value) < least or len(set(value)) < len(value):
            return f"Parameter {parameter} is {show(value)}; name {what} each once{', at least one' if least else ''}."
        return None

    text = {
        "sources": "Names of topics that have to be heard all the time, such as cameras, one after the other.",
        "adapters": "Names of what stops the robot, in the order in which they are called.",
    }[parameter]
    return Parameter(parameter, DEFAULT_ADAPTERS if least else (), text, change=Change.START, check=check)


def _ros_name(name: str, default: str, text: str) -> Parameter:
    return Parameter(name, default, text, change=Change.START)


def is_ros_name(value: str) -> bool:
    """Whether a topic, service, action or node can have this name, which may be relative or begin with `~/`."""
    return len(value) <= _LONGEST_NAME and _ROS_NAME.fullmatch(value) is not None


def is_message_type(value: str) -> bool:
    """Whether this is written as the name of a message type."""
    return len(value) <= _LONGEST_NAME and _TYPE.fullmatch(value) is not None


def _number(name: str, default: float, text: str, low: float, high: float, unit: str = "s") -> Parameter:
    return Parameter(name, default, text, unit, low, high, change=Change.START)


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "mode",
        "stop",
        "stop: commands the adapters. observe: decides and reports the same, and commands nothing.",
        choices=("observe", "stop"),
        change=Change.START,
    ),
    _ros_name(
        "judge",
        "judge_node",
        "Name of the judge node that is listened to; with its namespace where that is another one.",
    ),
    Parameter(
        "stop_severity",
        "error",
        "A confirmed failure of this severity or worse stops the robot.",
        choices=("info", "warning", "error", "critical"),
        change=Change.START,
    ),
    _number("heartbeat_timeout_s", 0.5, "The judge node, silent for longer, stops the robot.", 0.1, 60.0),
    _number(
        "verdict_timeout_s",
        8.0,
        "While an episode runs, a verdict whose evidence is older, or not renewed for longer, stops the robot.",
        0.1,
        3600.0,
    ),
    _number(
        "unknown_timeout_s",
        10.0,
        "While an episode runs, a verdict that is UNKNOWN for longer stops the robot. It begins as UNKNOWN, until the "
        "judge has answered.",
        0.1,
        3600.0,
    ),
    Parameter(
        "require_judge_at_start",
        True,
        "The judge node has to be heard before startup_grace_s is over. False: its silence counts from its first "
        "heartbeat on.",
        change=Change.START,
    ),
    _number(
        "startup_grace_s",
        60.0,
        "How long after the start the judge node and each source may take to be heard first. The robot is not "
        "watched until then.",
        0.0,
        3600.0,
    ),
    Parameter(
        "start_stopped",
        False,
        "Begin with a stop, which a person has to reset: nothing moves unwatched, and a node that was started "
        "anew releases nothing.",
        change=Change.START,
    ),
    _names("sources", "a source"),
    _names("adapters", "an adapter", 1),
    _ros_name("<source>.topic", "", "Topic of the source. Has to be set."),
    Parameter("<source>.type", "sensor_msgs/msg/Image", "Type of its messages.", change=Change.START),
    _number("<source>.timeout_s", 2.0, "The source, silent for longer, stops the robot.", 0.01, 3600.0),
    Parameter("<adapter>.kind", "bool_topic", "What it is.", choices=tuple(KINDS), change=Change.START),
    _ros_name(
        "<adapter>.target",
        "",
        "Topic, service or action that it commands. Empty: ~/stop for a bool_topic; else it has to be set.",
    ),
    _number("<adapter>.deadline_s", 0.2, "How long one call of a service may take.", 0.02, 60.0),
    Parameter(
        "<adapter>.attempts",
        3,
        "After so many calls without a good answer the next adapter is called.",
        "",
        1,
        100,
        change=Change.START,
    ),
    Parameter(
        "<adapter>.parallel",
        False,
        "Call this service at once, however the others fare. Topics are always commanded at once.",
        change=Change.START,
    ),
    Parameter("<adapter>.data", True, "What a set_bool is called with to stop the robot.", change=Change.START),
    Parameter(
        "<adapter>.release_on_reset",
        False,
        "After a reset a set_bool is called with the opposite, and a speed_scaling is set to 1: the robot may move on "
        "at once.",
        change=Change.START,
    ),
    _number("<adapter>.rate_hz", 20.0, "How often a command on a topic is repeated.", 1.0, 200.0, "Hz"),
    _number("<adapter>.repeat_s", 2.0, "For how long it is repeated, before the topic falls silent.", 0.0, 3600.0),
    Parameter("<adapter>.frame_id", "base_link", "Frame of a twist_stamped.", change=Change.START),
    Parameter(
        "<adapter>.joints",
        (),
        "Joints of a joint_trajectory: those of its controller, in any order. Empty: all that joint_states names.",
        change=Change.START,
    ),
    _ros_name(
        "<adapter>.joint_states", "joint_states", "Topic on which a joint_trajectory finds the present positions."
    ),
    _number(
        "<adapter>.hold_after_s",
        0.2,
        "When a joint_trajectory wants the joints to stand at the held position, counted from its arrival.",
        0.01,
        10.0,
    ),
    Parameter(
        "<adapter>.controllers",
        (),
        "Controllers that switch_controllers deactivates. They have to be named.",
        change=Change.START,
    ),
)


def parameters_for(sources: Iterable[str], adapters: Iterable[str]) -> dict[str, Parameter]:
    """All parameters of a node with these sources and adapters, by name."""
    general = [entry for entry in PARAMETERS if "<" not in entry.name]
    named = [(SOURCE, name) for name in sources] + [(ADAPTER, name) for name in adapters]
    expanded = [
        replace(entry, name=entry.name.replace(placeholder, name))
        for placeholder, name in named
        for entry in PARAMETERS
        if placeholder in entry.name
    ]
    return {entry.name: entry for entry in general + expanded}


def markdown() -> str:
    """The table for people."""
    return markdown_table(PARAMETERS, [])


def parameter_file() -> str:
    """A parameter file with every default and its meaning."""
    head = [
        "Every parameter of the safety stop node with its default. This node is not a certified safety device.",
        "Made by: python -m vlm_judge_ros.node.stop_parameters --file",
    ]
    return yaml_file(head, parameters_for((), DEFAULT_ADAPTERS).values())


if __name__ == "__main__":
    print(parameter_file() if "--file" in sys.argv[1:] else markdown())
