"""Parameters as a person gives them to a command: a parameter file of a judge node, and single ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.judge_node import PARAMETERS, parameters_for
from vlm_judge_ros.parameters.parameter import CAMERA, Parameter, Value

NODE = "judge_node"
_OF_ROS = frozenset({"use_sim_time", "start_type_description_service"})
"""What every node has, and no recording needs."""

_KEYS_FOR_US = re.compile(rf"/?\*\*|(/?\*\*/|/?([^/]+/)*){NODE}")
_CAMERA_PARAMETER = re.compile(r"([a-z][a-z0-9_]*)\.(.+)")


@dataclass(frozen=True, slots=True)
class GivenParameters:
    """What was given, checked as far as that goes without knowing the cameras.

    Attributes:
        values: by name; those of cameras may name a camera that an episode lacks, and do not count for it then.
    """

    values: Mapping[str, Value] = field(default_factory=dict)

    def for_cameras(self, cameras: Sequence[str]) -> dict[str, Value]:
        """All parameters of a judge for these cameras, by name.

        Raises:
            JudgeError: the names of the cameras cannot be used.
        """
        known = parameters_for(cameras)
        reason = known["cameras"].refuse(tuple(cameras))
        if reason is not None:
            raise JudgeError(reason)
        values = {name: self.values.get(name, parameter.default) for name, parameter in known.items()}
        values["cameras"] = tuple(cameras)
        return values


def given_parameters(
    file: Path | None, assignments: Sequence[str], further: Mapping[str, Value] | None = None
) -> GivenParameters:
    """Read what was given; later ones replace earlier ones.

    Args:
        file: a parameter file as a judge node takes it; None for none.
        assignments: texts like NAME=VALUE, the value as in such a file.
        further: parameters that options of their own set.

    Raises:
        JudgeError: the file cannot be read, a parameter is not known, or a value cannot be used.
    """
    values: dict[str, Value] = {}
    for name, value in (_of_file(file) if file is not None else {}).items():
        if name not in _OF_ROS:
            values[name] = _checked(name, value, str(file))
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or not name:
            raise JudgeError(f"--set {assignment} is not of the form NAME=VALUE; give both.")
        values[name] = _checked(name, _of_text(name, text), f"--set {assignment}")
    for name, value in (further or {}).items():
        values[name] = _checked(name, value, "an option")
    values.pop("cameras", None)
    return GivenParameters(values)


def _of_text(name: str, text: str) -> object:
    try:
        return yaml.safe_load(text) if text else ""
    except yaml.YAMLError as error:
        raise JudgeError(f"The value {text!r} of {name} cannot be read; write it as in a parameter file.") from error


def _checked(name: str, value: object, source: str) -> Value:
    parameter = _parameter(name, source)
    if isinstance(parameter.default, float) and type(value) is int:
        value = float(value)
    reason = parameter.refuse(value)
    if reason is not None:
        raise JudgeError(reason)
    return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]


def _parameter(name: str, source: str) -> Parameter:
    general = parameters_for(())
    if name in general:
        return general[name]
    of_camera = _CAMERA_PARAMETER.fullmatch(name)
    if of_camera is not None:
        camera, rest = of_camera.groups()
        for entry in PARAMETERS:
            if entry.name == f"{CAMERA}.{rest}":
                return entry.for_camera(camera)
    raise JudgeError(f"There is no parameter {name!r} ({source}); docs/parameters.md lists all of them.")


def _of_file(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise JudgeError(f"The parameter file {path} cannot be read ({reason}); check the path.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise JudgeError(f"The parameter file {path} is not YAML ({' '.join(str(error).split())}); mend it.") from error
    found: dict[str, object] = {}
    sections = content.items() if isinstance(content, dict) else ()
    matching = [section for key, section in sections if _KEYS_FOR_US.fullmatch(str(key))]
    if not all(isinstance(section, dict) and isinstance(section.get("ros__parameters"), dict) for section in matching):
        matching = []
    if not matching:
        raise JudgeError(
            f"The parameter file {path} has no parameters for {NODE}; put them below `/**:` and `ros__parameters:` as "
            "config/judge.yaml does."
        )
    for section in matching:
        found.update(_flat(section["ros__parameters"]))
    return found


def _flat(section: Mapping[Any, Any], before: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{before}{key}."))
        else:
            flat[f"{before}{key}"] = value
    return flat
