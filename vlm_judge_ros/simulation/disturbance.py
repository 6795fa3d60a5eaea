"""What can happen to an expert that would otherwise succeed."""

from __future__ import annotations

from enum import Enum

from vlm_judge_ros.episode.failure_mode import FailureMode


class Disturbance(Enum):
    """How an episode differs from the expert's clean performance.

    Those that are benign end in success: a rest shorter than a stall, a slow hand, an object that slips and is picked
    up again, a way round, a short shaking. A shortcut reaches the goal in a way that its instruction forbids.
    """

    NONE = "none"
    PAUSE = "pause"
    SLOW = "slow"
    SLIP_RECOVERED = "slip_recovered"
    DETOUR = "detour"
    JOLT = "jolt"
    DROP = "drop"
    GRASP_MISSED = "grasp_missed"
    STALL = "stall"
    WRONG_PLACE = "wrong_place"
    UNDONE = "undone"
    EARLY_STOP = "early_stop"
    NEAR_MISS = "near_miss"
    SUCCESS_LOST = "success_lost"
    SHORTCUT = "shortcut"
    REWIND = "rewind"
    NOISE = "noise"
    KNOCKED_AWAY = "knocked_away"
    WANDER = "wander"

    @property
    def failure_mode(self) -> FailureMode:
        """The failure that it causes; NONE where the episode still succeeds."""
        return _FAILURE_MODES.get(self, FailureMode.NONE)

    @property
    def is_benign(self) -> bool:
        """True where the episode still ends in success."""
        return self not in _FAILURE_MODES

    @property
    def is_trained(self) -> bool:
        """False for the kinds that no model is trained on, so that they can show what it makes of the unknown."""
        return self not in _LEFT_OUT


_FAILURE_MODES = {
    Disturbance.DROP: FailureMode.OBJECT_DROPPED,
    Disturbance.GRASP_MISSED: FailureMode.GRASP_MISSED,
    Disturbance.STALL: FailureMode.STALL,
    Disturbance.WRONG_PLACE: FailureMode.WRONG_PLACE,
    Disturbance.UNDONE: FailureMode.UNDONE,
    Disturbance.EARLY_STOP: FailureMode.EARLY_STOP,
    Disturbance.NEAR_MISS: FailureMode.EARLY_STOP,
    Disturbance.SUCCESS_LOST: FailureMode.UNDONE,
    # The list of modes has no word for a goal reached in a forbidden way.
    Disturbance.SHORTCUT: FailureMode.UNKNOWN,
    Disturbance.REWIND: FailureMode.UNDONE,
    Disturbance.NOISE: FailureMode.OSCILLATION,
    Disturbance.KNOCKED_AWAY: FailureMode.COLLISION,
    Disturbance.WANDER: FailureMode.UNKNOWN,
}
_LEFT_OUT = frozenset({Disturbance.KNOCKED_AWAY, Disturbance.WANDER})
