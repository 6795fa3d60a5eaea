"""Real steps: a foot leaves the ground, is lifted, and lands ahead, while the other one carries.

What is no step: a foot that slides, is lifted and put back, or is put backward or sideways; a hop, because the other
foot does not stand meanwhile; a robot that is carried.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.foot import Foot, FootLimits, Swing

TRANSFER_S = 0.05

Heading = Callable[[int, int, bool], float]
"""Where ahead is, in rad about the vertical from the x axis: for a foot, at a stamp, and whether it lifts just then.

NaN where that is not known.
"""


@dataclass(frozen=True, slots=True)
class StepLimits:
    """What makes a step.

    Attributes:
        lift_m: how high the foot is lifted above the ground between its two places.
        held_s: how long it is that high.
        ahead_m: how far ahead of where it lifted it lands.
        support_share: share of its time in the air for which the other foot stands.
        max_age_s: a foot that was not heard for longer was not seen.
    """

    lift_m: float = 0.04
    held_s: float = 0.06
    ahead_m: float = 0.06
    support_share: float = 0.5
    max_age_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        foot: 0 for left, 1 for right.
        lift_ns: when it left the ground.
        land_ns: when it landed.
        ahead_m: how far ahead it landed.
    """

    foot: int
    lift_ns: int
    land_ns: int
    ahead_m: float


class StepCounter:
    """Finds the steps in the positions of two feet in a frame that is fixed in the world."""

    def __init__(self, limits: StepLimits) -> None:
        self._limits = limits
        foot_limits = FootLimits.of_lift(limits.lift_m, limits.max_age_s)
        self._level_m = foot_limits.level_m
        self.feet = (Foot(foot_limits), Foot(foot_limits))
        self._headings = [math.nan, math.nan]

    def add(
        self,
        side: int,
        stamp_ns: int,
        position: tuple[float, float, float],
        heading_rad: Heading,
        contact: bool | None = None,
    ) -> tuple[Step, ...]:
        """Take a position of one foot.

        Args:
            side: 0 for left, 1 for right.
            stamp_ns: when it was there.
            position: x, y and z in m.
            heading_rad: tells where ahead is.
            contact: whether the foot touches the ground; None where nothing tells.

        Returns:
            The steps that are certain now, in the order in which they landed.
        """
        foot, other = self.feet[side], self.feet[1 - side]
        if foot.add(stamp_ns, *position, contact=contact):
            self._headings[side] = heading_rad(side, stamp_ns, True)
        landed = []
        if foot.rests() and (contact or self._on_ground(foot, other)):
            landed.append((side, foot.plant()))
        if other.rests() and self._carries(other, foot):
            landed.append((1 - side, other.plant()))
        if foot.rests() and other.rests() and self._set_down(foot, other):
            foot.plant()
            other.plant()
        steps = (self._step(at, swing, heading_rad(at, stamp_ns, False)) for at, swing in landed if swing is not None)
        return tuple(sorted((step for step in steps if step is not None), key=lambda step: step.land_ns))

    def _on_ground(self, foot: Foot, other: Foot) -> bool:
        """A foot at rest stands where it never stood before, or rests at the height of known ground."""
        if foot.place is None:
            return True
        height_m = foot.rest_height_m
        if abs(height_m - foot.level) <= self._level_m:
            return True
        return other.planted and abs(height_m - other.level) <= self._level_m

    def _carries(self, foot: Foot, lifted: Foot) -> bool:
        """A foot at rest at any height stands on something, where the other one left the ground and it stayed at rest.

        That it stayed is known from its own messages after the other one was seen to have left: in a hop it moves too.
        """
        return (
            lifted.swing_known
            and lifted.peak_rise_m >= 0.5 * self._limits.lift_m
            and foot.rest_since_ns <= lifted.lift_ns + nanoseconds(TRANSFER_S)
            and foot.newest_ns is not None
            and foot.newest_ns - lifted.gone_ns >= nanoseconds(self._limits.held_s)
        )

    def _set_down(self, foot: Foot, other: Foot) -> bool:
        """Two feet at rest side by side stand on the ground again, unless they are higher than where they stood."""
        if not abs(foot.rest_height_m - other.rest_height_m) <= self._level_m:
            return False
        return foot.rest_height_m <= max(foot.level, other.level) + self._level_m

    def _step(self, side: int, swing: Swing, heading_rad: float) -> Step | None:
        limits = self._limits
        if not swing.known or swing.land_ns <= swing.lift_ns:
            return None
        ahead_m = _along(swing, self._headings[side], heading_rad)
        if not ahead_m >= limits.ahead_m or swing.rise_m < 0.5 * limits.lift_m:
            return None
        if swing.clearance_s(limits.lift_m) < limits.held_s:
            return None
        stood_s = self.feet[1 - side].stood_s(swing.lift_ns, swing.land_ns)
        if stood_s < limits.support_share * (swing.land_ns - swing.lift_ns) * 1e-9:
            return None
        return Step(side, swing.lift_ns, swing.land_ns, ahead_m)


def _along(swing: Swing, lift_rad: float, land_rad: float) -> float:
    """How far a swing leads along the mean of two headings, or the second where the first is not known, in m."""
    if math.isnan(lift_rad):
        lift_rad = land_rad
    along_x, along_y = math.cos(lift_rad) + math.cos(land_rad), math.sin(lift_rad) + math.sin(land_rad)
    length = math.hypot(along_x, along_y)
    if length == 0.0:
        return math.nan
    return ((swing.end[0] - swing.start[0]) * along_x + (swing.end[1] - swing.start[1]) * along_y) / length
