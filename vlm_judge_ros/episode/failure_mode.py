"""The closed list of ways in which an episode fails."""

from __future__ import annotations

from enum import IntEnum


class FailureMode(IntEnum):
    """Failure modes; values equal the constants `MODE_*` of `vlm_judge_ros/msg/Failure`."""

    NONE = 0
    GRASP_MISSED = 1
    OBJECT_DROPPED = 2
    SLIP = 3
    WRONG_OBJECT = 4
    WRONG_PLACE = 5
    COLLISION = 6
    SPILL = 7
    UNSTABLE = 8
    STALL = 9
    OSCILLATION = 10
    UNDONE = 11
    TIMEOUT = 12
    FALL = 13
    CAMERA_FAULT = 14
    JUDGE_FAULT = 15
    EARLY_STOP = 16
    SIGNAL_FAULT = 17
    UNKNOWN = 255
