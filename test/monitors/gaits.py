"""Makes up gaits with a known number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Point = tuple[float, float, float]

PELVIS_M = 0.75
HALF_WIDTH_M = 0.1
TOUCHING, FLYING = (np.array(True), np.array(True)), (np.array(False), np.array(False))


@dataclass(frozen=True)
class Pose:
    """Where everything is at one moment or at many: x, y and z are the last axis, moments all before.

    What has no axis of moments is the same at all of them.
    """

    feet: tuple[Floats, Floats]
    pelvis: Floats
    yaw: Floats
    contacts: tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass
class Gait:
    """A motion as pieces one after the other; each maps shares of its time, 0 to 1, to poses."""

    pieces: list[tuple[float, Callable[[Floats], Pose]]] = field(default_factory=list)
    steps: int = 0

    @property
    def duration_s(self) -> float:
        return sum(duration for duration, _ in self.pieces)

    @property
    def end(self) -> Pose:
        return self.pieces[-1][1](np.array(1.0))

    def at(self, times_s: Floats) -> Pose:
        """Poses at moments in ascending order."""
        count = len(times_s)
        feet, pelvis, yaw = (np.empty((count, 3)), np.empty((count, 3))), np.empty((count, 3)), np.empty(count)
        contacts = (np.empty(count, np.bool_), np.empty(count, np.bool_))
        begin_s, first = 0.0, 0
        for number, (duration, piece) in enumerate(self.pieces):
            end_s = begin_s + duration
            last = count if number == len(self.pieces) - 1 else int(np.searchsorted(times_s, end_s))
            if last > first:
                pose = piece(np.minimum(1.0, (times_s[first:last] - begin_s) / duration))
                for side in (0, 1):
                    feet[side][first:last], contacts[side][first:last] = pose.feet[side], pose.contacts[side]
                pelvis[first:last], yaw[first:last] = pose.pelvis, pose.yaw
            begin_s, first = end_s, last
        return Pose(feet, pelvis, yaw, contacts)

    def then(self, duration_s: float, piece: Callable[[Floats], Pose]) -> Gait:
        self.pieces.append((duration_s, piece))
        return self

    def stand(self, duration_s: float) -> Gait:
        end = self.end
        return self.then(duration_s, lambda _: end)


def standing(duration_s: float = 0.6, yaw: float = 0.0, width_m: float = HALF_WIDTH_M, height_m: float = 0.0) -> Gait:
    """Stand at the origin with the left foot at +y."""
    left = _point(-math.sin(yaw) * width_m, math.cos(yaw) * width_m, height_m)
    right = _point(math.sin(yaw) * width_m, -math.cos(yaw) * width_m, height_m)
    pose = Pose((left, right), _point(0.0, 0.0, height_m + PELVIS_M), np.array(yaw), TOUCHING)
    return Gait().then(duration_s, lambda _: pose)


def move_foot(
    gait: Gait,
    side: int,
    target: Point | Floats,
    *,
    lift_m: float,
    swing_s: float,
    stair: bool = False,
    yaw: float | None = None,
    count: bool = False,
) -> Gait:
    """Swing one foot to a place while the other stands; the pelvis follows to above the middle of both.

    The foot is lifted above the straight line between its places. Over a stair it goes up before it goes ahead, and
    ahead before it goes down.
    """
    begin, aim = gait.end, np.asarray(target)
    start, other = begin.feet[side], begin.feet[1 - side]
    end_yaw = begin.yaw if yaw is None else yaw
    goal = (aim + other) / 2.0
    goal[2] = min(aim[2], other[2]) + PELVIS_M
    riser_m = aim[2] - start[2]

    def pose(share: Floats) -> Pose:
        smooth = _smooth(share)
        early, late = _smooth(np.minimum(1.0, share * 2.0)), _smooth(np.maximum(0.0, share * 2.0 - 1.0))
        foot, pelvis = _between(start, aim, smooth), _between(begin.pelvis, goal, smooth)
        if stair:
            foot[..., 2] = start[2] + riser_m * (early if riser_m > 0.0 else late)
        foot[..., 2] += lift_m * np.sin(math.pi * share) ** 2
        if riser_m < 0.0:
            pelvis[..., 2] = begin.pelvis[2] + (goal[2] - begin.pelvis[2]) * late
        turned = begin.yaw + (end_yaw - begin.yaw) * smooth
        return _pose(begin, side, foot, pelvis, turned, share >= 1.0)

    gait.then(swing_s, pose)
    gait.steps += count
    return gait


def walk(
    steps: int,
    *,
    stride_m: float = 0.3,
    lift_m: float = 0.08,
    swing_s: float = 0.4,
    double_s: float = 0.15,
    riser_m: float = 0.0,
    slope: float = 0.0,
    turn_rad: float = 0.0,
    yaw: float = 0.0,
    first: int = 0,
    direction_rad: float = 0.0,
    counts: bool = True,
    pause_s: float = 0.6,
    gait: Gait | None = None,
) -> Gait:
    """Walk: steps of half a stride at both ends and whole ones between, so that the feet end side by side.

    Args:
        steps: how many; at least 2.
        stride_m: how far a foot goes in a whole step.
        lift_m: how high above the ground.
        swing_s: time of a foot in the air.
        double_s: time of both on the ground.
        riser_m: height of a stair for each step; negative for down.
        slope: rise of the ground per m ahead.
        turn_rad: change of the heading at each step.
        yaw: heading at the beginning.
        first: the foot that begins.
        direction_rad: where the feet go against the heading: pi for backward, pi / 2 for sideways.
        counts: these are steps.
        pause_s: how long to stand before and after.
        gait: what comes before.
    """
    gait = standing(pause_s, yaw) if gait is None else gait
    begin = gait.end
    heading, ground = float(begin.yaw), float(begin.feet[0][2])
    x, y = float(begin.pelvis[0]), float(begin.pelvis[1])
    for number in range(steps):
        side = (first + number) % 2
        last = number == steps - 1
        length = 0.0 if last else stride_m / 2.0
        heading += turn_rad
        x += length * math.cos(heading + direction_rad)
        y += length * math.sin(heading + direction_rad)
        ground += 0.0 if last else riser_m + slope * length * math.cos(direction_rad)
        sign = 1.0 if side == 0 else -1.0
        target = (x - sign * math.sin(heading) * HALF_WIDTH_M, y + sign * math.cos(heading) * HALF_WIDTH_M, ground)
        move_foot(gait, side, target, lift_m=lift_m, swing_s=swing_s, stair=riser_m != 0.0, yaw=heading, count=counts)
        gait.stand(double_s)
    return gait.stand(pause_s)


def march(steps: int, *, lift_m: float = 0.1, swing_s: float = 0.4) -> Gait:
    """Lift one foot after the other and put it back."""
    gait = standing()
    for number in range(steps):
        side = number % 2
        move_foot(gait, side, gait.end.feet[side], lift_m=lift_m, swing_s=swing_s).stand(0.15)
    return gait.stand(0.6)


def hop(hops: int, *, length_m: float = 0.25, lift_m: float = 0.1, air_s: float = 0.3, ground_s: float = 0.3,
        free_m: float = 0.12, swinging: bool = False, side: int = 0) -> Gait:  # fmt: skip
    """Hop ahead on one foot; the other is held in the air, or swings fore and aft."""
    gait = standing()
    begin, free = gait.end, 1 - side
    up = begin.feet[free] + _point(0.0, 0.0, free_m - begin.feet[free][2])
    gait.then(
        0.4, lambda share: _pose(begin, free, _between(begin.feet[free], up, _smooth(share)), begin.pelvis, begin.yaw)
    )
    for number in range(hops):
        here, sign = gait.end, 1.0 if number % 2 == 0 else -1.0

        def fly(share: Floats, here: Pose = here, sign: float = sign) -> Pose:
            moved = _points(length_m * _smooth(share), lift_m * np.sin(math.pi * share))
            feet = [foot + moved for foot in here.feet]
            if swinging:
                feet[free] += _points(sign * 0.15 * _smooth(share), 0.05 * np.sin(math.pi * share))
            return Pose((feet[0], feet[1]), here.pelvis + moved, here.yaw, FLYING)

        gait.then(air_s, fly)
        landed = gait.end
        ground = _pose(landed, free, landed.feet[free], landed.pelvis, landed.yaw)
        gait.then(ground_s, lambda _, ground=ground: ground)  # type: ignore[misc]
    return gait.stand(0.5)


def shuffle(steps: int, *, stride_m: float = 0.3, lift_m: float = 0.01, slope: float = 0.0) -> Gait:
    """Slide the feet ahead, hardly lifting them."""
    return walk(steps, stride_m=stride_m, lift_m=lift_m, slope=slope, counts=False)


def fall(gait: Gait, *, forward_m: float = 0.5, fall_s: float = 0.6, thrown: int | None = None) -> Gait:
    """Fall forward: the pelvis goes to the ground and the heels rise; a foot may be thrown ahead."""
    begin = gait.end

    def pose(share: Floats) -> Pose:
        angle = 0.5 * math.pi * share * share
        pelvis = begin.pelvis + _points(forward_m * np.sin(angle), -(PELVIS_M - 0.12) * (1.0 - np.cos(angle)))
        feet = [foot + _points(0.05 * share, 0.15 * share * share) for foot in begin.feet]
        if thrown is not None:
            late = _smooth(np.maximum(0.0, 2.0 * share - 1.0))
            feet[thrown] = begin.feet[thrown] + _points(0.4 * late, 0.12 * np.sin(math.pi * late))
        return Pose((feet[0], feet[1]), pelvis, begin.yaw, (share < 0.3, share < 0.3))

    return gait.then(fall_s, pose).stand(2.0)


def carry(*, height_m: float = 0.3, far_m: float = 2.0, sway_m: float = 0.05, kicking: bool = False) -> Gait:
    """Hang in a crane that lifts, carries and sets down again, with dangling or kicking feet."""
    gait = standing()
    begin = gait.end
    for duration, start, end in (
        (1.0, (0.0, 0.0, 0.0), (0.0, 0.0, height_m)),
        (1.5, (0.0, 0.0, height_m), (0.0, 0.0, height_m)),
        (3.0, (0.0, 0.0, height_m), (far_m, 0.0, height_m)),
        (1.5, (far_m, 0.0, height_m), (far_m, 0.0, height_m)),
        (1.0, (far_m, 0.0, height_m), (far_m, 0.0, 0.0)),
    ):

        def pose(share: Floats, duration: float = duration, start: Point = start, end: Point = end) -> Pose:
            offset, hanging = _between(_point(*start), _point(*end), _smooth(share)), start[2] > 0.0 and end[2] > 0.0
            phase = 2.0 * math.pi * share * duration / 1.5
            wide = (sway_m if hanging else 0.0) * np.sin(math.pi * share)
            feet = []
            for side, foot in enumerate(begin.feet):
                kick = (2.0 if kicking else 0.0) * wide * np.maximum(0.0, np.sin(phase + math.pi * side))
                feet.append(foot + offset + _points(wide * np.sin(phase) + kick, kick))
            return Pose((feet[0], feet[1]), begin.pelvis + offset, begin.yaw, FLYING)

        gait.then(duration, pose)
    down = Pose(gait.end.feet, gait.end.pelvis, begin.yaw, TOUCHING)
    return gait.then(1.0, lambda _: down)


def _pose(
    before: Pose, side: int, foot: Floats, pelvis: Floats, yaw: Floats, landed: NDArray[np.bool_] | None = None
) -> Pose:
    """A pose in which one foot is in the air, but for the moments when it has landed."""
    other, touches = before.feet[1 - side], FLYING[0] if landed is None else landed
    if side == 0:
        return Pose((foot, other), pelvis, yaw, (touches, TOUCHING[0]))
    return Pose((other, foot), pelvis, yaw, (TOUCHING[0], touches))


def _smooth(share: Floats) -> Floats:
    return share * share * (3.0 - 2.0 * share)


def _point(x: float, y: float, z: float) -> Floats:
    return np.array((x, y, z))


def _points(x: Floats, z: Floats) -> Floats:
    return np.stack((x, np.zeros_like(x), z), axis=-1)


def _between(one: Floats, other: Floats, share: Floats) -> Floats:
    return one + (other - one) * share[..., np.newaxis]
