"""Layer 4: was the object released at the goal?"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.gripper import GripperMonitor, GripperSpec
from vlm_judge_ros.monitors.gripper_state import GripperState
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.place import Place


class ReleasedAtGoal(GripperSpec):
    """The gripper held something and was opened on purpose, at the goal where one is given.

    Speaks for success from then on, until the gripper holds something again.
    """

    GIVES: ClassVar[tuple[Effect, ...]] = (Effect.SUCCESS,)

    kind: Literal["released_at_goal"]
    place: Place | None = Field(default=None, description="The goal. Without, a release counts wherever it is.")
    settle_s: float = Field(
        default=0.5, ge=0.0, le=600.0, description="How long after the opening the gripper has to hold nothing."
    )
    place_stays: bool = Field(
        default=False,
        description="The place has to hold afterwards too: for signals that follow the object, not the hand.",
    )

    @model_validator(mode="after")
    def _has_a_place_to_stay(self) -> ReleasedAtGoal:
        if self.place_stays and self.place is None:
            raise ValueError("place_stays needs a place")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return (*self.gripper_signals, *(self.place.signals if self.place is not None else ()))

    def make(self, episode: EpisodeContext) -> ReleasedAtGoalMonitor:
        """Make the monitor for an episode."""
        return ReleasedAtGoalMonitor(self, episode.units.get(self.signal, "1"))


class ReleasedAtGoalMonitor(GripperMonitor):
    """Remembers the last release, and where it was."""

    def __init__(self, spec: ReleasedAtGoal, unit: str) -> None:
        super().__init__(spec, unit)
        self._spec = spec
        self._settle_ns = nanoseconds(spec.settle_s)
        self._released_ns: int | None = None
        self._at_goal = False
        self._offset_m = math.nan

    def gripper_moved(self, stamp_ns: int) -> None:
        """Note where a release happens."""
        released_ns = self._gripper.released_ns
        if released_ns == self._released_ns:
            return
        self._released_ns = released_ns
        place = self._spec.place
        if released_ns is not None and place is not None:
            self._at_goal = place.holds(self._memory, released_ns)
            self._offset_m = place.offset_m(self._memory, released_ns)

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say whether the object was released at the goal."""
        spec, place = self._spec, self._spec.place
        watched = place is not None and (self._released_ns is None or spec.place_stays)
        blind = self.blind(now_ns, spec.signals if watched else spec.gripper_signals)
        if blind:
            return blind
        if self._released_ns is None:
            holds = self._gripper.state is GripperState.HOLDING
            text = f"Nothing has been released: the gripper holds {'something' if holds else 'nothing'} ({self.reads})."
            return self.found(Effect.NEUTRAL, text, now_ns)
        if place is not None and not self._at_goal:
            away = (
                "where its place was not known"
                if math.isnan(self._offset_m)
                else f"{self._offset_m:.2f} m from the goal"
            )
            return self.found(Effect.NEUTRAL, f"The object was released {away}.", now_ns)
        if place is not None and spec.place_stays and not place.holds(self._memory, now_ns):
            text = (
                f"The object was released at the goal and is {place.offset_m(self._memory, now_ns):.2f} m from it now."
            )
            return self.found(Effect.NEUTRAL, text, now_ns)
        where = "" if place is None else f" {self._offset_m:.2f} m from the goal"
        if self._heard_ns - self._released_ns < self._settle_ns:
            return self.found(Effect.NEUTRAL, f"The object has just been released{where}.", now_ns)
        return self.found(Effect.SUCCESS, f"The object was released{where}.", now_ns, self._released_ns)
