"""Progress that means something: how much of the clean expert's way is still to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.world import World

# A scene whose hand and object have moved less than this (m) since the last look is as far as it was then.
_UNMOVED = 5e-4
# Nearer than this (m) two scenes are all but the same.
_NEAR = 0.02

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
    """Measures the progress of a world against the clean expert."""

    def __init__(self, world: World, clean_steps: int) -> None:
        """Prepare for one episode.

        Args:
            world: the scene, in use by the episode; each measurement leaves it as it was.
            clean_steps: steps that the clean expert needs from the start, at least 1.
        """
        self._world = world
        self._clean_steps = clean_steps
        self._measured_at: NDArray[np.float64] | None = None
        self._progress = 0.0

    def measure(self) -> float:
        """Progress now, 0 to 1.

        An expert that does not arrive from here, but did from close by, has stumbled: that says nothing about the
        scene, and the last value stays.
        """
        seen = self._world.observation
        if seen.success:
            return 1.0
        place = np.concatenate([seen.hand, seen.object])
        moved = np.inf if self._measured_at is None else float(np.max(np.abs(place - self._measured_at)))
        if moved > _UNMOVED:
            remaining = run_clean(self._world, self._clean_steps).steps
            if remaining < self._clean_steps or moved > _NEAR:
                self._measured_at = place
                self._progress = min(1.0 - remaining / self._clean_steps, _NEARLY)
        return self._progress


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
