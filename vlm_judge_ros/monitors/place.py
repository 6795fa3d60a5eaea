"""A place: whether what some signals give lies at a goal."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vlm_judge_ros.monitors.signal_memory import SignalMemory


class Place(BaseModel):
    """One to three signals of a position in m, such as x, y and z of the hand, near a goal."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    signals: tuple[str, ...] = Field(min_length=1, max_length=3, description="Signals of the position, in m.")
    goal_m: tuple[float, ...] = Field(
        min_length=1, max_length=3, description="Where the goal is: one number per signal."
    )
    radius_m: float | None = Field(default=None, gt=0.0, description="How far from the goal still is at the goal.")
    box_m: tuple[float, ...] | None = Field(
        default=None, description="The same for each signal on its own, to either side: one number per signal."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Place:
        if len(self.goal_m) != len(self.signals):
            raise ValueError(
                f"goal_m has {len(self.goal_m)} numbers for {len(self.signals)} signals; give one for each"
            )
        if (self.radius_m is None) is (self.box_m is None):
            raise ValueError("a place needs either radius_m or box_m")
        if self.box_m is not None and (len(self.box_m) != len(self.signals) or min(self.box_m) <= 0.0):
            raise ValueError(f"box_m has to hold {len(self.signals)} numbers above 0, one for each signal")
        return self

    def offset_m(self, memory: SignalMemory, stamp_ns: int) -> float:
        """How far from the goal the position is at a moment: in space, or along the worst axis of the box, in m.

        NaN where a signal is not known then.
        """
        offsets = self._offsets_m(memory, stamp_ns)
        if self.box_m is None or any(math.isnan(offset) for offset in offsets):
            return math.hypot(*offsets)
        return max(zip(offsets, self.box_m, strict=True), key=lambda axis: axis[0] / axis[1])[0]

    def holds(self, memory: SignalMemory, stamp_ns: int) -> bool:
        """Tell whether the position is at the goal; False where a signal is not known then."""
        offsets = self._offsets_m(memory, stamp_ns)
        if self.box_m is None:
            return self.radius_m is not None and math.hypot(*offsets) <= self.radius_m
        return all(offset <= half for offset, half in zip(offsets, self.box_m, strict=True))

    def _offsets_m(self, memory: SignalMemory, stamp_ns: int) -> list[float]:
        axes = zip(self.signals, self.goal_m, strict=True)
        return [abs(memory.value(name, stamp_ns) - goal) for name, goal in axes]
