"""The JSON schema of a line of `verdicts.jsonl`, made from the types of the verdict.

`python -m vlm_judge_ros.replay.outputs.verdict_schema` prints what stands in `config/schemas/verdict.schema.json`.
"""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path
from typing import Any

from vlm_judge_ros.config_folder import config_folder
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import FrameRole
from vlm_judge_ros.judges.opinion import SubtaskState
from vlm_judge_ros.monitors.finding import Effect, Layer, Severity
from vlm_judge_ros.verdict.verdict import State, Verdict

FILE = "verdict.schema.json"
_ENUMS: tuple[type[IntEnum], ...] = (State, FailureMode, Layer, Effect, Severity, FrameRole, SubtaskState)


def schema() -> dict[str, Any]:
    """The schema: every field is there in every line, numbers that are not known are null."""
    found: dict[str, Any] = Verdict.model_json_schema(mode="serialization")
    for enum in _ENUMS:
        definition = found["$defs"][enum.__name__]
        definition["description"] = ", ".join(f"{member.value} {member.name}" for member in enum)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "A line of verdicts.jsonl",
    }


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


def shipped() -> Path:
    """The file that is shipped.

    Raises:
        JudgeError: it is not installed.
    """
    return config_folder("schemas") / FILE


if __name__ == "__main__":
    print(text(), end="")
