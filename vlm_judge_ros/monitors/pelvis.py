"""How high the pelvis is above the feet."""

from __future__ import annotations

import math

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.foot import Foot

START_S = 0.2


class PelvisHeight:
    """Compares the height of the pelvis above the lower foot with what it was when both feet stood first.

    The lower foot is the lower of where the feet are and where they stood last: so the pelvis may rise before the other
    foot follows up a stair, and sink together with a foot that goes down one.

    The height at the start is the mean over the first moments of standing; where a foot lifts sooner, over those there
    were, because a robot that starts to walk at once stands upright too.

    Attributes:
        start_m: the height at the start; NaN before both feet have stood.
        height_m: the height now.
        drop_m: how much lower that is than at the start; NaN where one of them is not known.
    """

    def __init__(self) -> None:
        self.start_m = math.nan
        self.height_m = math.nan
        self.drop_m = math.nan
        self._since_ns: int | None = None
        self._begun = False
        self._count = 0

    def add(self, stamp_ns: int, pelvis_m: float, feet: tuple[Foot, Foot]) -> None:
        """Take the height of the pelvis."""
        left, right = feet
        if math.isnan(pelvis_m) or math.isnan(left.level) or math.isnan(right.level):
            return
        self.height_m = pelvis_m - min(left.level, right.level, left.position[2], right.position[2])
        if not self._begun:
            self._begin(stamp_ns, left.planted and right.planted)
        self.drop_m = self.start_m - self.height_m

    def _begin(self, stamp_ns: int, standing: bool) -> None:
        if standing:
            if self._since_ns is None:
                self._since_ns, self.start_m = stamp_ns, 0.0
            self._count += 1
            self.start_m += (self.height_m - self.start_m) / self._count
        self._begun = self._since_ns is not None and (not standing or stamp_ns - self._since_ns >= nanoseconds(START_S))
