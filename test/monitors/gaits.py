"""Makes up gaits with a known number of steps, and the messages in which a robot would tell of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Point = tuple[float, float, float]

PELVIS_M = 0.75
HALF_WIDTH_M = 0.1


@dataclass(frozen=True)
class Pose:
    """Where everything is at one moment."""

    feet: tuple[Point, Point]
    pelvis: Point
    yaw: float
    contacts: tuple[bool, bool] = (True, True)


@dataclass
class Gait:
    """A motion as pieces one after the other; each maps a share of its time, 0 to 1, to a pose."""

    pieces: list[tuple[float, Callable[[float], Pose]]] = field(default_factory=list)
    steps: int = 0

    @property
    def duration_s(self) -> float:
        return sum(duration for duration, _ in self.pieces)

    @property
    def end(self) -> Pose:
        return self.pieces[-1][1](1.0)

    def at(self, time_s: float) -> Pose:
        for duration, piece in self.pieces:
            if time_s < duration:
                return piece(time_s / duration)
            time_s -= duration
        return self.end

    def then(self, duration_s: float, piece: Callable[[float], Pose]) -> Gait:
        self.pieces.append((duration_s, piece))
        return self

    def stand(self, duration_s: float) -> Gait:
        end = self.end
        return self.then(duration_s, lambda _: end)


def standing(duration_s: float = 0.6, yaw: float = 0.0, width_m: float = HALF_WIDTH_M, height_m: float = 0.0) -> Gait:
    """Stand at the origin with the left foot at +y."""
    left = (-math.sin(yaw) * width_m, math.cos(yaw) * width_m, height_m)
    right = (math.sin(yaw) * width_m, -math.cos(yaw) * width_m, height_m)
    pose = Pose((left, right), (0.0, 0.0, height_m + PELVIS_M), yaw)
    return Gait().then(duration_s, lambda _: pose)


def move_foot(
    gait: Gait,
    side: int,
    target: Point,
    *,
    lift_m: float,
    swing_s: float,
    yaw: float | None = None,
    count: bool = False,
) -> Gait:
    """Swing one foot to a place while the other stands; the pelvis follows to above the middle of both."""
    begin = gait.end
    start, other = begin.feet[side], begin.feet[1 - side]
    end_yaw = begin.yaw if yaw is None else yaw
    below = min(target[2], other[2])
    goal = ((target[0] + other[0]) / 2.0, (target[1] + other[1]) / 2.0, below + PELVIS_M)
    riser_m = target[2] - start[2]

    def pose(share: float) -> Pose:
        smooth = _smooth(share)
        # Over stairs a foot goes up before it goes ahead, and ahead before it goes down.
        early, late = _smooth(min(1.0, share * 2.0)), _smooth(max(0.0, share * 2.0 - 1.0))
        base = start[2] + riser_m * (early if riser_m > 0.0 else late)
        foot = (
            start[0] + (target[0] - start[0]) * smooth,
            start[1] + (target[1] - start[1]) * smooth,
            base + lift_m * math.sin(math.pi * share) ** 2,
        )
        height = begin.pelvis[2] + (goal[2] - begin.pelvis[2]) * (late if riser_m < 0.0 else smooth)
        pelvis = _between(begin.pelvis, goal, smooth)
        turned = begin.yaw + (end_yaw - begin.yaw) * smooth
        moved = _pose(begin, side, foot, (pelvis[0], pelvis[1], height), turned)
        return moved if share < 1.0 else Pose(moved.feet, moved.pelvis, turned)

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
    origin, heading = gait.end.pelvis, gait.end.yaw
    x, y, ground = origin[0], origin[1], gait.end.feet[0][2]
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
        move_foot(gait, side, target, lift_m=lift_m, swing_s=swing_s, yaw=heading, count=counts)
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
    begin = gait.end
    up = (begin.feet[1 - side][0], begin.feet[1 - side][1], free_m)
    gait.then(
        0.4, lambda share: _pose(begin, 1 - side, _between(begin.feet[1 - side], up, _smooth(share)), begin.pelvis)
    )
    for number in range(hops):
        here, sign = gait.end, 1.0 if number % 2 == 0 else -1.0

        def fly(share: float, here: Pose = here, sign: float = sign) -> Pose:
            height = lift_m * math.sin(math.pi * share)
            moved = (length_m * _smooth(share), 0.0, height)
            free = sign * 0.15 * _smooth(share) if swinging else 0.0
            feet = [_plus(foot, moved) for foot in here.feet]
            feet[1 - side] = _plus(feet[1 - side], (free, 0.0, 0.05 * math.sin(math.pi * share) if swinging else 0.0))
            return Pose((feet[0], feet[1]), _plus(here.pelvis, moved), here.yaw, (False, False))

        gait.then(air_s, fly)
        landed = gait.end
        gait.then(ground_s, lambda _, landed=landed: _pose(landed, 1 - side, landed.feet[1 - side], landed.pelvis))  # type: ignore[misc]
    return gait.stand(0.5)


def shuffle(steps: int, *, stride_m: float = 0.3, lift_m: float = 0.01, slope: float = 0.0) -> Gait:
    """Slide the feet ahead, hardly lifting them."""
    return walk(steps, stride_m=stride_m, lift_m=lift_m, slope=slope, counts=False)


def fall(gait: Gait, *, forward_m: float = 0.5, fall_s: float = 0.6, thrown: int | None = None) -> Gait:
    """Fall forward: the pelvis goes to the ground and the heels rise; a foot may be thrown ahead."""
    begin = gait.end

    def pose(share: float) -> Pose:
        angle = 0.5 * math.pi * share * share
        down = (forward_m * math.sin(angle), 0.0, -(PELVIS_M - 0.12) * (1.0 - math.cos(angle)))
        feet = [_plus(foot, (0.05 * share, 0.0, 0.15 * share * share)) for foot in begin.feet]
        if thrown is not None:
            late = _smooth(max(0.0, 2.0 * share - 1.0))
            feet[thrown] = _plus(begin.feet[thrown], (0.4 * late, 0.0, 0.12 * math.sin(math.pi * late)))
        return Pose((feet[0], feet[1]), _plus(begin.pelvis, down), begin.yaw, (share < 0.3, share < 0.3))

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

        def pose(share: float, duration: float = duration, start: Point = start, end: Point = end) -> Pose:
            offset, hanging = _between(start, end, _smooth(share)), start[2] > 0.0 and end[2] > 0.0
            phase, wide = 2.0 * math.pi * share * duration / 1.5, sway_m * math.sin(math.pi * share) if hanging else 0.0
            feet = []
            for side, foot in enumerate(begin.feet):
                kick = max(0.0, math.sin(phase + math.pi * side)) * 2.0 * wide if kicking else 0.0
                feet.append(_plus(_plus(foot, offset), (wide * math.sin(phase) + kick, 0.0, kick)))
            return Pose((feet[0], feet[1]), _plus(begin.pelvis, offset), begin.yaw, (False, False))

        gait.then(duration, pose)
    down = Pose(gait.end.feet, gait.end.pelvis, begin.yaw)
    return gait.then(1.0, lambda _: down)


@dataclass(frozen=True)
class Recording:
    """How a gait is told.

    Attributes:
        rate_hz: messages a second, of each foot and of the pelvis.
        noise_m: standard deviation of positions.
        jitter_share: how far a message is off its time, in shares of the period.
        drop_share: share of messages that are lost.
        seed: of all that is drawn.
    """

    rate_hz: float = 100.0
    noise_m: float = 0.0
    jitter_share: float = 0.0
    drop_share: float = 0.0
    seed: int = 0

    def messages(self, gait: Gait) -> Iterator[tuple[float, dict[str, float]]]:
        """Time in seconds and signals of each message: each foot and the pelvis in their own, with their own stamps."""
        draw = random.Random(self.seed)
        period = 1.0 / self.rate_hz
        sent = []
        for part in range(3):
            for number in range(int(gait.duration_s / period)):
                time_s = (number + part / 3.0 + draw.uniform(-0.5, 0.5) * self.jitter_share) * period
                if time_s < 0.0 or draw.random() < self.drop_share:
                    continue
                sent.append((time_s, part))
        for time_s, part in sorted(sent):
            yield time_s, self._signals(gait.at(time_s), part, draw)

    def _signals(self, pose: Pose, part: int, draw: random.Random) -> dict[str, float]:
        if part == 2:
            noisy = self._noisy(pose.pelvis, draw)
            return {"pelvis_x": noisy[0], "pelvis_y": noisy[1], "pelvis_z": noisy[2], "yaw": pose.yaw}
        name = ("left", "right")[part]
        x, y, z = self._noisy(pose.feet[part], draw)
        return {f"{name}_x": x, f"{name}_y": y, f"{name}_z": z, f"{name}_force": 200.0 * pose.contacts[part]}

    def _noisy(self, point: Point, draw: random.Random) -> Point:
        x, y, z = point
        return (x + draw.gauss(0.0, self.noise_m), y + draw.gauss(0.0, self.noise_m), z + draw.gauss(0.0, self.noise_m))


def _pose(before: Pose, side: int, foot: Point, pelvis: Point, yaw: float | None = None) -> Pose:
    """A pose in which one foot is in the air."""
    other = before.feet[1 - side]
    feet, contacts = ((foot, other), (False, True)) if side == 0 else ((other, foot), (True, False))
    return Pose(feet, pelvis, before.yaw if yaw is None else yaw, contacts)


def _smooth(share: float) -> float:
    return share * share * (3.0 - 2.0 * share)


def _plus(one: Point, other: Point) -> Point:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2])


def _between(one: Point, other: Point, share: float) -> Point:
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )
