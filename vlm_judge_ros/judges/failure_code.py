"""Failure modes as a model or a file names them: by their upper-case code."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import pydantic

from vlm_judge_ros.episode.failure_mode import FailureMode

_OF_SENSES = (FailureMode.CAMERA_FAULT, FailureMode.SIGNAL_FAULT, FailureMode.JUDGE_FAULT)

NAMED = tuple(mode for mode in FailureMode if mode not in _OF_SENSES)
"""Modes that a judge may name. Faults of cameras, of signals and of the judge itself are for others to find."""


def _mode_of(code: Any) -> FailureMode:
    for mode in NAMED:
        if code is mode or code == mode.name:
            return mode
    raise ValueError(f"{code!r} is none of {', '.join(mode.name for mode in NAMED)}")


FailureCode: TypeAlias = Annotated[
    FailureMode,
    pydantic.PlainValidator(_mode_of),
    pydantic.PlainSerializer(lambda mode: mode.name, return_type=str),
    pydantic.WithJsonSchema({"type": "string", "enum": [mode.name for mode in NAMED]}),
]
"""A failure mode by its code, in files and answers."""
