"""From checked parameter values to the settings of the stop node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings
from vlm_judge_ros.node.stop_parameters import is_message_type, is_ros_name
from vlm_judge_ros.parameters.parameter import Value, show
from vlm_judge_ros.safety.escalation import Plan


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A topic that has to be heard: its name, the type of its messages, and how long it may be silent in seconds."""

    topic: str
    type: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class StopNodeSettings:
    """Settings of the node; the parameters of the same names say what each means."""

    observes: bool
    judge: str
    stop_severity: Severity
    heartbeat_timeout_s: float
    verdict_timeout_s: float
    unknown_timeout_s: float
    require_judge_at_start: bool
    startup_grace_s: float
    start_stopped: bool
    sources: tuple[SourceSettings, ...]
    adapters: tuple[AdapterSettings, ...]


def stop_node_settings(values: Mapping[str, Value]) -> StopNodeSettings:
    """Settings of a node with these values, which fit the table of parameters.

    Raises:
        JudgeError: values do not go together, or a name is none.
    """
    get: Mapping[str, Any] = values
    _require_name("judge", get["judge"], "the judge node")
    both = sorted({*get["sources"]} & {*get["adapters"]})
    if both:
        raise JudgeError(f"Parameters sources and adapters both name {both[0]}; give one of them another name.")
    return StopNodeSettings(
        observes=get["mode"] == "observe",
        judge=get["judge"],
        stop_severity=Severity[get["stop_severity"].upper()],
        heartbeat_timeout_s=get["heartbeat_timeout_s"],
        verdict_timeout_s=get["verdict_timeout_s"],
        unknown_timeout_s=get["unknown_timeout_s"],
        require_judge_at_start=get["require_judge_at_start"],
        startup_grace_s=get["startup_grace_s"],
        start_stopped=get["start_stopped"],
        sources=tuple(_source(name, get) for name in get["sources"]),
        adapters=tuple(_adapter(name, get) for name in get["adapters"]),
    )


def plan_of(settings: AdapterSettings) -> Plan:
    """How an adapter is called."""
    return Plan(settings.name, settings.of_kind.answers, settings.parallel, settings.deadline_s, settings.attempts)


def _source(name: str, get: Mapping[str, Any]) -> SourceSettings:
    topic, kind = get[f"{name}.topic"], get[f"{name}.type"]
    _require_name(f"{name}.topic", topic, "the topic that has to be heard")
    if not is_message_type(kind):
        raise JudgeError(f"Parameter {name}.type is {show(kind)[:100]}; write it like sensor_msgs/msg/Image.")
    return SourceSettings(topic, kind, get[f"{name}.timeout_s"])


def _adapter(name: str, get: Mapping[str, Any]) -> AdapterSettings:
    given: dict[str, Any] = {
        field.name: get[f"{name}.{field.name}"] for field in fields(AdapterSettings) if field.name != "name"
    }
    if given["kind"] == "bool_topic" and not given["target"]:
        given["target"] = "~/stop"
    settings = AdapterSettings(name=name, **given)
    _require_name(f"{name}.target", settings.target, "what the adapter commands")
    _require_name(f"{name}.joint_states", settings.joint_states, "the topic of the joint states")
    if settings.kind == "switch_controllers" and not settings.controllers:
        raise JudgeError(f"Parameter {name}.controllers is []; name the controllers that are to be deactivated.")
    return settings


def _require_name(parameter: str, value: str, what: str) -> None:
    if not is_ros_name(value):
        raise JudgeError(
            f"Parameter {parameter} is {show(value)[:100]}; set it to the name of {what}, as ROS 2 writes it."
        )
