"""Why the robot is to stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Cause(IntEnum):
    """Causes of a stop; values equal the constants `CAUSE_*` of `vlm_judge_ros/msg/StopState`."""

    NONE = 0
    FAILURE = 1
    HEARTBEAT_SILENT = 2
    VERDICT_SILENT = 3
    VERDICT_UNKNOWN = 4
    SOURCE_SILENT = 5
    REQUEST = 6


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that stops the robot.

    Attributes:
        cause: kind of it.
        source: code of a failure mode, topic of a source, or name of a node.
        text: one sentence for a person.
    """

    cause: Cause
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on two clocks.

    Attributes:
        steady_ns: reading of a clock that never jumps and never stands still; all timeouts are measured on it.
        stamp_ns: reading of the node clock, which may be simulated; only reported.
    """

    steady_ns: int
    stamp_ns: int
