"""Message types by their names."""

from __future__ import annotations

import importlib
from typing import Any

from vlm_judge_ros.errors import JudgeError


def message_class(name: str) -> type[Any]:
    """The class of a type such as geometry_msgs/msg/WrenchStamped.

    Raises:
        JudgeError: it is not installed; the message names the package that has it.
    """
    package, _, kind = name.partition("/msg/")
    try:
        found: type[Any] = getattr(importlib.import_module(f"{package}.msg"), kind)
    except (ImportError, AttributeError) as error:
        raise JudgeError(f"The message type {name} is not installed here; install the package {package}.") from error
    return found
