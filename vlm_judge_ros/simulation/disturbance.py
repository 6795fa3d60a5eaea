"""What can happen to an expert that would otherwise succeed."""

from __future__ import annotations

from enum import Enum

from vlm_judge_ros.episode.failure_mode import FailureMode


class Disturbance(Enum):
    """How an episode differs from the expert's clean performance. The first four end in success."""

    NONE = "none"
    PAUSE = "pause"
    SLOW = "slow"
    SLIP_RECOVERED = "slip_recovered"
    DROP = "drop"
    GRASP_MISSED = "grasp_missed"
    STALL = "stall"
    WRONG_PLACE = "wrong_place"
    UNDONE = "undone"
    EARLY_STOP = "early_stop"

    @property
    def failure_mode(self) -> FailureMode:
        """The failure that it causes; NONE where the episode still succeeds."""
        return _FAILURE_MODES.get(self, FailureMode.NONE)

    @property
    def is_benign(self) -> bool:
        """True where the episode still ends in success."""
        return self not in _FAILURE_MODES


_FAILURE_MODES = {
    Disturbance.DROP: FailureMode.OBJECT_DROPPED,
    Disturbance.GRASP_MISSED: FailureMode.GRASP_MISSED,
    Disturbance.STALL: FailureMode.STALL,
    Disturbance.WRONG_PLACE: FailureMode.WRONG_PLACE,
    Disturbance.UNDONE: FailureMode.UNDONE,
    Disturbance.EARLY_STOP: FailureMode.EARLY_STOP,
}
