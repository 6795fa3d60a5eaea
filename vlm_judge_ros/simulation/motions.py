"""What a performance is made of: working, resting, going somewhere, letting go."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.ground_truth import CleanRun
from vlm_judge_ros.simulation.plan import Plan
from vlm_judge_ros.simulation.tasks import SimulatedTask
from vlm_judge_ros.simulation.world import Observation, act

Vector = NDArray[np.float64]
Script = Generator[Vector, Observation, Observation]

_OPEN = -1.0
_GAIN = 10.0
_PATIENCE = 2.5
_SHAKING = 0.9
# A hand that moves less than this (m) in a step stands; one that is pushed may never, so it is given so many steps.
_STANDING = 1e-3
_COASTING_STEPS = 15


class ScriptBroken(Exception):
    """The performance did not take the course that the plan wanted; another one has to be drawn."""


class Motions:
    """The parts of a performance, each a script of its own, and what it remembers of its way.

    Attributes:
        struck_at: step at which the failure set in; None where that shows only in its effect, or before it has.
        held: last gripper effort.
    """

    def __init__(
        self,
        task: SimulatedTask,
        plan: Plan,
        expert: Any,
        undoer: Any,
        clean: CleanRun,
        rng: np.random.Generator,
    ) -> None:
        """Prepare the performance.

        Args:
            task: what is done.
            plan: how it is to run.
            expert: the policy that does it.
            undoer: the policy that undoes it; None where carrying back does.
            clean: what the clean expert does from the same start.
            rng: source of the tremor.
        """
        self._task = task
        self._plan = plan
        self._expert = expert
        self._undoer = undoer
        self._budget = round(_PATIENCE * clean.steps / plan.speed)
        self._strike_step = plan.delay_steps + round(plan.when * clean.steps / plan.speed)
        self._clean_end = clean.object_end
        self._touch_steps = clean.touch_step
        self._work_steps = round(clean.steps / plan.speed)
        self._rng = rng
        self._step = 0
        self._path: list[Vector] = []
        self._track: list[tuple[Vector, float]] = []
        self._home = np.zeros(3)
        self._start = np.zeros(3)
        self.struck_at: int | None = None
        self.held = _OPEN

    def _work(self, seen: Observation, until: Callable[[Observation], bool]) -> Script:
        """Let the expert work until the condition holds.

        Raises:
            ScriptBroken: it takes too long, or the task is done before the disturbance struck.
        """
        end = self._step + self._budget
        while not until(seen):
            if self._step >= end or seen.success:
                raise ScriptBroken
            self._path.append(seen.hand.copy())
            self._track.append((seen.hand.copy(), self.held))
            if np.linalg.norm(seen.object - self._start) < 0.005:
                self._path.clear()
            seen = yield from self._do(self._decide(seen.state))
        return seen

    def _carry_on(self, seen: Observation, steps: int) -> Script:
        for _ in range(steps):
            self._path.append(seen.hand.copy())
            seen = yield from self._do(self._decide(seen.state))
        return seen

    def _finish(self, seen: Observation) -> Script:
        if self._task.holds_on:
            return (yield from self._carry_on(seen, self._plan.tail_steps))
        if self._plan.retreats and self._task.stays:
            return (yield from self._retreat(seen, self._plan.tail_steps))
        return (yield from self._rest(seen, self._plan.tail_steps))

    def _rest(self, seen: Observation, steps: int) -> Script:
        for _ in range(steps):
            seen = yield from self._do(np.array([0.0, 0.0, 0.0, self.held]))
        return seen

    def _come_to_rest(self, seen: Observation) -> Script:
        """Rest until the hand stands."""
        for _ in range(_COASTING_STEPS):
            before = seen.hand.copy()
            seen = yield from self._rest(seen, 1)
            if np.linalg.norm(seen.hand - before) < _STANDING:
                break
        return seen

    def _let_go(self, seen: Observation, steps: int) -> Script:
        for _ in range(steps):
            seen = yield from self._do(np.array([0.0, 0.0, 0.0, _OPEN]))
        return seen

    def _retreat(self, seen: Observation, steps: int) -> Script:
        """Let go, rise, go home and rest there."""
        end = self._step + steps
        if self._task.grasps:
            seen = yield from self._let_go(seen, 5)
        while self._step < end and seen.hand[2] < self._home[2] - 0.03:
            seen = yield from self._do(self._toward(seen, np.array([*seen.hand[:2], self._home[2] + 0.03])))
        while self._step < end:
            seen = yield from self._do(self._toward(seen, self._home))
        return seen

    def _carry_back(self, seen: Observation) -> Script:
        """Follow the hand's own path backwards, to where the object was picked up."""
        position = float(len(self._path) - 1)
        while position > 0.0:
            seen = yield from self._do(self._toward(seen, self._path[int(position)], gain=25.0))
            if np.linalg.norm(seen.hand - self._path[int(position)]) < 0.04:
                position -= self._plan.speed
        return seen

    def _go(self, seen: Observation, target: Vector, steps: int) -> Script:
        """Go there, for so many steps at most."""
        end = self._step + steps
        while self._step < end and np.linalg.norm(seen.hand - target) > 0.015:
            seen = yield from self._do(self._toward(seen, target, gain=25.0))
        return seen

    def _go_back(self, seen: Observation) -> Script:
        """Run the way that the hand came backwards, opening and closing the gripper where it did."""
        position = float(len(self._track) - 1)
        end = self._step + self._budget
        while position > 0.0 and self._step < end:
            target, held = self._track[int(position)]
            action = self._toward(seen, target, gain=25.0)
            action[3] = held
            seen = yield from self._do(action)
            if np.linalg.norm(seen.hand - target) < 0.04:
                position -= self._plan.speed
        return seen

    def _swing(self, seen: Observation, steps: int) -> Script:
        """Swing to and fro aimlessly: noise that lasts for some steps in each direction."""
        drive = np.zeros(3)
        for _ in range(steps):
            drive = 0.75 * drive + self._rng.normal(0.0, _SHAKING, size=3)
            seen = yield from self._do(np.array([*np.clip(drive, -1.0, 1.0), self.held]))
        return seen

    def _share_done(self, seen: Observation) -> float:
        """How far the object is on its way to where the clean expert leaves it, 0 at the start."""
        whole = self._clean_end - self._start
        return float((seen.object - self._start) @ whole / (whole @ whole))

    def _has_carried(self, seen: Observation) -> bool:
        whole = float(np.linalg.norm(self._clean_end - self._start))
        share = 0.25 + 0.5 * self._plan.when
        return bool(np.linalg.norm(seen.object - self._start) > share * whole)

    def _toward(self, seen: Observation, target: Vector, gain: float = _GAIN) -> Vector:
        motion = np.clip((target - seen.hand) * gain, -1.0, 1.0)
        return np.array([*(motion * self._plan.speed), self.held])

    def _decide(self, believed: Vector) -> Vector:
        return self._shake(act(self._expert, believed))

    def _shake(self, action: Vector) -> Vector:
        noise = self._rng.normal(0.0, self._plan.tremor, size=3)
        action[:3] = np.clip(action[:3] * self._plan.speed + noise, -1.0, 1.0)
        return action

    def _do(self, action: Vector) -> Script:
        self.held = float(action[3])
        self._step += 1
        return (yield action)
