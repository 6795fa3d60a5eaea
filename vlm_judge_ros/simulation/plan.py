"""What is drawn by chance before an episode begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.tasks import SimulatedTask


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How one episode is to run. Lengths are control steps.

    Attributes:
        disturbance: what happens to the expert.
        speed: share of the expert's own speed at which the hand moves.
        tremor: standard deviation of the noise on the hand's action.
        delay_steps: rest before the first motion.
        when: share of the way at which the disturbance strikes, 0 to 1.
        after_success: True where the task is undone only after it had been done.
        hold_steps: length of the pause, or of the moment in which the gripper is open.
        tail_steps: how long the episode goes on after its outcome.
        retreats: True where the arm lets go and goes home once it believes that it is done.
        miss_offset: error of the observed object, metres, shape (3,).
        goal_shift: error of the observed goal, metres, shape (3,).
        detour: where the hand goes on its way round, or where it shoves things, from where it is, metres, shape (3,).
        waypoints: where a wandering hand goes, from where it began, metres, shape (6, 3).
    """

    disturbance: Disturbance
    speed: float
    tremor: float
    delay_steps: int
    when: float
    after_success: bool
    hold_steps: int
    tail_steps: int
    retreats: bool
    miss_offset: NDArray[np.float64]
    goal_shift: NDArray[np.float64]
    detour: NDArray[np.float64]
    waypoints: NDArray[np.float64]


def draw_plan(task: SimulatedTask, disturbance: Disturbance, rng: np.random.Generator) -> Plan:
    """Draw a plan. The same generator state gives the same plan."""
    slow = disturbance is Disturbance.SLOW
    speed = rng.uniform(0.42, 0.58) if slow else rng.uniform(0.6, 1.0)
    tremor = rng.uniform(0.0, 0.12)
    delay_steps = int(rng.integers(0, 21))
    when = rng.uniform(0.2, 0.9)
    after_success = bool(rng.random() < 0.5)
    # A rest of more than a second is a stall: nobody could tell a longer pause from one within two seconds.
    hold_steps = int(rng.integers(5, 11)) if disturbance is Disturbance.PAUSE else int(rng.integers(5, 12))
    tail_steps = int(rng.integers(12, 41)) if disturbance.is_benign else int(rng.integers(25, 71))
    retreats = bool(rng.random() < 0.4)
    mirror = np.array([rng.choice((-1.0, 1.0)), 1.0, 1.0])
    miss_offset = np.array(task.miss_offset) * mirror * rng.uniform(0.9, 1.3)
    # A shift too small to see would be no failure: at least half of the range, in a random direction.
    direction = rng.choice((-1.0, 1.0), size=3) * rng.uniform(0.55, 1.0, size=3)
    # From a stream of its own: the seeds of older kinds of disturbance keep their meaning.
    wandering = np.random.default_rng(int(1e9 * when))
    detour = np.array([*wandering.choice((-1.0, 1.0), size=2), 1.0]) * wandering.uniform(0.07, 0.14, size=3)
    waypoints = wandering.uniform((-0.2, -0.12, 0.0), (0.2, 0.15, 0.15), size=(6, 3))
    return Plan(
        disturbance=disturbance,
        speed=speed,
        tremor=tremor,
        delay_steps=delay_steps,
        when=when,
        after_success=after_success,
        hold_steps=hold_steps,
        tail_steps=tail_steps,
        retreats=retreats,
        miss_offset=miss_offset,
        goal_shift=np.array(task.goal_shift) * direction,
        detour=detour,
        waypoints=waypoints,
    )
