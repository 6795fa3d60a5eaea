"""Severities and failure modes as task files write them: by name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Severity

_MODES = tuple(mode.name for mode in FailureMode if mode is not FailureMode.NONE)
_SEVERITIES = tuple(severity.name.lower() for severity in Severity)


def _mode(value: object) -> FailureMode:
    if isinstance(value, FailureMode) and value is not FailureMode.NONE:
        return value
    if isinstance(value, str) and value in _MODES:
        return FailureMode[value]
    raise ValueError(f"{value!r} is no failure mode; write one of {', '.join(_MODES)}")


def _severity(value: object) -> Severity:
    if isinstance(value, Severity):
        return value
    if isinstance(value, str) and value in _SEVERITIES:
        return Severity[value.upper()]
    raise ValueError(f"{value!r} is no severity; write one of {', '.join(_SEVERITIES)}")


def _schema(names: tuple[str, ...]) -> Any:
    return WithJsonSchema({"type": "string", "enum": list(names)})


FailureModeName = Annotated[
    FailureMode, BeforeValidator(_mode), PlainSerializer(lambda mode: mode.name, return_type=str), _schema(_MODES)
]
"""A failure mode, in capitals: COLLISION."""

SeverityName = Annotated[
    Severity,
    BeforeValidator(_severity),
    PlainSerializer(lambda severity: severity.name.lower(), return_type=str),
    _schema(_SEVERITIES),
]
"""A severity, in lower case: critical."""
