"""Progress that means something: how much of the expert's way is still to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.world import World

# Nearer than this (m) two scenes are all but the same.
_NEAR = 0.02
# A hand, or a gripper's opening (1 is wide open), and things that are no further (m; and parts of a quaternion) from
# where they were foreseen are on the way that was foreseen.
_ON_THE_WAY = np.array([0.008] * 3 + [0.05] + ([0.004] * 3 + [0.03] * 4) * 2)
_HAND_AND_THINGS = slice(0, _ON_THE_WAY.size)
# Steps by which a scene may be ahead of what was foreseen.
_AHEAD = 5

_TOUCHED = 5e-3

# Only success is the whole way.
_NEARLY = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class CleanRun:
    """What the undisturbed expert does from some state.

    Attributes:
        steps: control steps until success; the limit where it does not get there.
        touch_step: control step at which the object began to move; `steps` where it never does.
        object_end: where the object was at the end, metres, shape (3,).
    """

    steps: int
    touch_step: int
    object_end: NDArray[np.float64]


def run_clean(world: World, limit: int) -> CleanRun:
    """Let the clean expert run from here until success, for `limit` steps at most, and put the world back."""
    with world.trial():
        seen = world.observation
        start = seen.object
        touch_step: int | None = None
        step = 0
        while step < limit and not seen.success:
            seen = world.step(world.expert_action(seen.state))
            step += 1
            if touch_step is None and np.linalg.norm(seen.object - start) > _TOUCHED:
                touch_step = step
    return CleanRun(step, step if touch_step is None else touch_step, seen.object)


class Yardstick:
    """Measures the progress of a world against the expert at the speed that an episode has.

    An expert that decides by what it sees takes another way at another speed: from scenes of a slow episode, a fast
    one needs now more and now fewer steps, though nothing goes wrong. And contact is chaotic: of two scenes that differ
    by a hair, the expert stumbles in one. So its way is foreseen once, and a scene on it is as far as it was foreseen.
    """

    def __init__(self, world: World, speed: float, limit: int) -> None:
        """Prepare for one episode, at its start.

        Args:
            world: the scene, in use by the episode; each measurement leaves it as it was.
            speed: share of the expert's own speed at which the hand moves.
            limit: steps after which the expert from the start is taken not to arrive.
        """
        self._world = world
        self._speed = speed
        self._way = self._foresee(limit)
        self._whole_steps = len(self._way)
        self.arrives = self._whole_steps < limit
        """Whether the expert arrives from the start; what is measured means nothing where it does not."""
        self._at = 0
        self._place = np.concatenate([world.observation.hand, world.observation.object])
        self._progress = 0.0

    def measure(self, steps: int) -> float:
        """Progress now, 0 to 1.

        An expert that does not arrive from here, but did from close by, has stumbled: that says nothing about the
        scene, and the last value stays.

        Args:
            steps: control steps since the last measurement.
        """
        seen = self._world.observation
        if seen.success:
            return 1.0
        ahead = self._way[self._at : self._at + steps + _AHEAD]
        strays = (np.abs(ahead - seen.state[_HAND_AND_THINGS]) / _ON_THE_WAY).max(axis=1)
        if strays.size and strays.min() < 1.0:
            self._at += int(strays.argmin())
            remaining = len(self._way) - self._at
        else:
            way = self._foresee(self._whole_steps)
            remaining = len(way)
            if remaining < self._whole_steps:
                self._way, self._at = way, 0
        place = np.concatenate([seen.hand, seen.object])
        if remaining < self._whole_steps or np.max(np.abs(place - self._place)) > _NEAR:
            self._place = place
            self._progress = min(1.0 - remaining / self._whole_steps, _NEARLY)
        return self._progress

    def _foresee(self, limit: int) -> NDArray[np.float64]:
        """What the expert will see of hand and things on its way, shape (steps until success, 18)."""
        way: list[NDArray[np.float64]] = []
        with self._world.trial():
            seen = self._world.observation
            while len(way) < limit and not seen.success:
                way.append(seen.state[_HAND_AND_THINGS])
                action = self._world.expert_action(seen.state)
                action[:3] *= self._speed
                seen = self._world.step(action)
        return np.array(way).reshape(-1, _ON_THE_WAY.size)


def progress_curve(
    measured: Sequence[tuple[int, float]], success: NDArray[np.bool_], rise: float = 0.02
) -> tuple[NDArray[np.float64], int]:
    """Turn measurements at some control steps into a curve over all of them.

    Single outliers are taken out (median of three) and the rest is interpolated; success is 1 and nothing else is.

    Args:
        measured: control step and progress of each measurement, in order, the last step included.
        success: success flag of each control step, shape (T,).
        rise: smallest rise above all that came before that counts as moving forward.

    Returns:
        Progress 0 to 1, shape (T,), and the last control step that was measured to move forward.
    """
    steps = np.array([step for step, _ in measured])
    values = np.array([value for _, value in measured])
    if values.size > 2:
        values[1:-1] = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    values = np.where(success[steps], 1.0, np.minimum(values, _NEARLY))
    best, turning_point = values[0], 0
    for step, value in zip(steps, values, strict=True):
        if value > best + rise:
            best, turning_point = value, int(step)
    between = np.minimum(np.interp(np.arange(success.size), steps, values), _NEARLY)
    return np.where(success, 1.0, between), turning_point
