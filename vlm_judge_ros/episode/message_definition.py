"""The texts of message types, from where their packages are installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vlm_judge_ros.errors import JudgeError


def message_definition(type_name: str) -> str:
    """Text of the definition of a type such as vlm_judge_ros/msg/Failure.

    Raises:
        JudgeError: no installed package has it.
    """
    package, _, name = type_name.partition("/msg/")
    for folder in _folders(package):
        try:
            return (folder / f"{name}.msg").read_text(encoding="utf-8")
        except OSError:
            continue
    raise JudgeError(f"The definition of the message {type_name} is missing; install {package} again.")


def _folders(package: str) -> Iterator[Path]:
    here = Path(__file__).resolve()
    prefixes: list[str] = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    for prefix in (*(Path(prefix) for prefix in prefixes if prefix), *here.parents):
        yield prefix / "share" / package / "msg"
    if package == "vlm_judge_ros":
        yield here.parents[2] / "msg"
