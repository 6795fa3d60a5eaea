"""One foot: where it stands, and how it swings from one place to the next."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from vlm_judge_ros.episode.stamps import nanoseconds

MOST_SAMPLES = 512
MOST_STANCES = 256

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class FootLimits:
    """Distances that tell standing from swinging. They follow from how high a foot has to be lifted.

    Attributes:
        rest_m: a foot that stays within this stands still.
        rest_s: how long it has to.
        move_m: one that is further than this from where it stood has left.
        level_m: two heights no further apart are the same ground.
        smooth_s: time constant of the smoothing of positions.
        settle_s: for so long after a foot came to stand its place is still made more exact.
        gap_s: after a longer silence it is not known what the foot did.
    """

    rest_m: float = 0.01
    rest_s: float = 0.12
    move_m: float = 0.025
    level_m: float = 0.02
    smooth_s: float = 0.02
    settle_s: float = 0.3
    gap_s: float = 0.5

    @classmethod
    def of_lift(cls, lift_m: float, gap_s: float) -> FootLimits:
        """Limits for feet that are lifted by at least so much."""
        scale = min(1.0, lift_m / 0.04)
        return cls(0.01 * scale, move_m=0.025 * scale, level_m=0.02 * scale, gap_s=gap_s)


@dataclass(frozen=True, slots=True)
class Swing:
    """The way of a foot from one place where it stood to the next.

    Attributes:
        lift_ns: when it left.
        land_ns: when it came to rest.
        start: where it stood, m.
        end: where it stands, m.
        path: stamps and positions on the way.
        known: every moment of it was seen.
    """

    lift_ns: int
    land_ns: int
    start: Point
    end: Point
    path: tuple[tuple[int, Point], ...]
    known: bool

    def clearance_s(self, lift_m: float) -> float:
        """How long the foot was higher than `lift_m` above the straight line between its places, in seconds.

        So neither a slope nor stairs are mistaken for a lift.
        """
        (x0, y0, z0), (x1, y1, z1) = self.start, self.end
        along = (x1 - x0) ** 2 + (y1 - y0) ** 2
        total_s, before, before_ns = 0.0, -math.inf, self.lift_ns
        for stamp_ns, (x, y, z) in self.path:
            share = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / along if along > 0.0 else 0.0
            above = z - z0 - min(1.0, max(0.0, share)) * (z1 - z0) - lift_m
            duration_s = (stamp_ns - before_ns) * 1e-9
            if above >= 0.0 and before >= 0.0:
                total_s += duration_s
            elif (above >= 0.0 or before >= 0.0) and math.isfinite(before):
                total_s += duration_s * max(above, before) / abs(above - before)
            before, before_ns = above, stamp_ns
        return total_s

    @property
    def rise_m(self) -> float:
        """How far the foot rose above where it stood."""
        return max((point[2] for _, point in self.path), default=self.start[2]) - self.start[2]


class Foot:
    """Follows one foot.

    Attributes:
        place: where it stands, or stood last; None before it has ever stood.
        level: height of the ground there. Small shifts of a standing foot do not change it.
        planted: it stands.
        position: where it is, smoothed.
        newest_ns: stamp of the newest position; None before the first.
        lift_ns: when it left the ground last.
        gone_ns: when it was first seen to have left it.
    """

    def __init__(self, limits: FootLimits) -> None:
        self._limits = limits
        self._rest_ns = nanoseconds(limits.rest_s)
        self._settle_ns = nanoseconds(limits.settle_s)
        self._gap_ns = nanoseconds(limits.gap_s)
        self._near_m = 0.4 * limits.move_m
        self.place: Point | None = None
        self.level = math.nan
        self.planted = False
        self.position: Point = (math.nan, math.nan, math.nan)
        self.newest_ns: int | None = None
        self.lift_ns = self.gone_ns = 0
        self._stances: deque[tuple[int, int | None]] = deque(maxlen=MOST_STANCES)
        self._near_ns = self._planted_ns = 0
        self._known = False
        self._path: list[tuple[int, Point]] = []
        self._stride = 1
        self._skipped = 0
        self._peak_m = math.nan
        self._levelled = False
        self._anchor: Point | None = None
        self._touch = self.position
        self._anchor_ns = 0
        self._count = 0

    def add(self, stamp_ns: int, x: float, y: float, z: float, contact: bool | None = None) -> bool:
        """Take a position, and whether the foot touches the ground where something tells; None where nothing does.

        Returns:
            True where the foot left the ground just now.
        """
        newest_ns, elapsed_s = self.newest_ns, 0.0
        if newest_ns is None or not 0 <= stamp_ns - newest_ns <= self._gap_ns:
            if newest_ns is not None and newest_ns - self._gap_ns <= stamp_ns < newest_ns:
                return False
            self._lose_sight(stamp_ns)
            self.position = (x, y, z)
        else:
            elapsed_s = (stamp_ns - newest_ns) * 1e-9
            self.position = _towards(self.position, (x, y, z), elapsed_s, self._limits.smooth_s)
        self.newest_ns = stamp_ns
        left = self.planted and self._leaves(stamp_ns, contact)
        if self.planted:
            self._settle(stamp_ns, elapsed_s)
        else:
            self._peak_m = max(self._peak_m, self.position[2])
            self._follow_rest(stamp_ns, elapsed_s, contact)
            self._keep_path(stamp_ns)
        return left

    def rests(self) -> bool:
        """Whether a foot that does not stand has come to rest somewhere, on the ground or in the air."""
        return (
            not self.planted
            and self._anchor is not None
            and self.newest_ns is not None
            and self.newest_ns - self._anchor_ns >= self._rest_ns
            and self._count >= 2
        )

    @property
    def rest_since_ns(self) -> int:
        """Since when it rests."""
        return self._anchor_ns

    @property
    def rest_height_m(self) -> float:
        """Height at which it rests."""
        return math.nan if self._anchor is None else self._anchor[2]

    @property
    def peak_rise_m(self) -> float:
        """How high a foot that swings has been above the ground on which it stood last."""
        return self._peak_m - self.level

    @property
    def swing_known(self) -> bool:
        """Whether a swing is under way that began from the ground and was seen all the time."""
        return not self.planted and self._known

    def plant(self) -> Swing | None:
        """Let the foot stand where it rests; return how it got there, or None where it never stood before."""
        end = self.position if self._anchor is None else self._anchor
        start, level = self.place, self.level
        swing = None
        if start is not None:
            swing = Swing(
                self.lift_ns, self._anchor_ns, (start[0], start[1], level), end, tuple(self._path), self._known
            )
        level_m = self._limits.level_m
        self._levelled = swing is None or swing.rise_m > level_m or abs(end[2] - level) > level_m
        if self._levelled:
            self.level = end[2]
        self.place, self._touch, self.planted = end, end, True
        self._stances.append((self._anchor_ns, None))
        self._near_ns = self._planted_ns = self.newest_ns or self._anchor_ns
        self._path.clear()
        return swing

    def stood_s(self, from_ns: int, to_ns: int) -> float:
        """How long it stood between two moments, in seconds."""
        total_ns = 0
        for begin_ns, end_ns in self._stances:
            total_ns += max(0, min(to_ns, to_ns if end_ns is None else end_ns) - max(from_ns, begin_ns))
        return total_ns * 1e-9

    def stances(self) -> tuple[tuple[int, int | None], ...]:
        """From when to when it stood, the last ones; None for still."""
        return tuple(self._stances)

    def _lose_sight(self, stamp_ns: int) -> None:
        if self.planted:
            self._end_stance(self._near_ns)
        self.lift_ns = stamp_ns
        self._known = False
        self._anchor = None
        self._path.clear()

    def _end_stance(self, stamp_ns: int) -> None:
        self.planted = False
        if self._stances:
            begin_ns, _ = self._stances[-1]
            self._stances[-1] = (begin_ns, max(begin_ns, stamp_ns))

    def _leaves(self, stamp_ns: int, contact: bool | None) -> bool:
        assert self.place is not None
        if contact is None:
            distance_m = math.dist(self.position, self.place)
            near, gone = distance_m <= self._near_m, distance_m > self._limits.move_m
        else:
            near, gone = contact, not contact
        if near:
            self._near_ns = stamp_ns
        if not gone:
            return False
        self._end_stance(self._near_ns)
        self.lift_ns, self.gone_ns, self._known = self._near_ns, stamp_ns, True
        self._peak_m = self.position[2]
        self._anchor = None
        self._stride, self._skipped = 1, 0
        return True

    def _settle(self, stamp_ns: int, elapsed_s: float) -> None:
        """Follow the last creeping of a foot that has come to stand, as far as it still is the same place."""
        if stamp_ns - self._planted_ns > self._settle_ns or self.place is None:
            return
        place = _towards(self.place, self.position, elapsed_s, self._limits.rest_s)
        if math.dist(place, self._touch) > self._limits.move_m:
            return
        self.place = place
        if self._levelled:
            self.level = place[2]

    def _follow_rest(self, stamp_ns: int, elapsed_s: float, contact: bool | None) -> None:
        """Rest is to stay near where the foot was in the last moments; so it may creep a little as it lands."""
        position = self.position
        if contact is False:
            self._anchor, self._count = None, 0
            return
        if self._anchor is not None:
            anchor = _towards(self._anchor, position, elapsed_s, self._limits.rest_s)
            if contact or math.dist(position, anchor) <= self._limits.rest_m:
                self._anchor, self._count = anchor, self._count + 1
                return
        self._anchor, self._anchor_ns, self._count = position, stamp_ns, 1

    def _keep_path(self, stamp_ns: int) -> None:
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._path.append((stamp_ns, self.position))
        if len(self._path) > MOST_SAMPLES:
            # A long swing is kept more coarsely.
            del self._path[1::2]
            self._stride *= 2


def _towards(before: Point, now: Point, elapsed_s: float, smooth_s: float) -> Point:
    """Smooth a position with a time constant in seconds."""
    share = elapsed_s / (smooth_s + elapsed_s) if elapsed_s > 0.0 else 0.0
    return (
        before[0] + share * (now[0] - before[0]),
        before[1] + share * (now[1] - before[1]),
        before[2] + share * (now[2] - before[2]),
    )
