"""The expert's performance, with what disturbs it, as a script that yields one action at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.ground_truth import CleanRun
from vlm_judge_ros.simulation.plan import Plan
from vlm_judge_ros.simulation.tasks import SimulatedTask
from vlm_judge_ros.simulation.world import METRES_PER_ACTION, Observation, act

Vector = NDArray[np.float64]
Script = Generator[Vector, Observation, Observation]

_OPEN = -1.0
_GAIN = 10.0
_PATIENCE = 2.5
_UNDOING_STEPS = 130


class ScriptBroken(Exception):
    """The performance did not take the course that the plan wanted; another one has to be drawn."""


class Performance:
    """Plays one plan. Talks in observations and actions only, so it can be tested without a simulator.

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
        self._home = np.zeros(3)
        self._start = np.zeros(3)
        self.struck_at: int | None = None
        self.held = _OPEN

    def script(self, first: Observation) -> Script:
        """Yield actions; receives the observation after each. Ends when the episode ends.

        Raises:
            ScriptBroken: the plan cannot be played in this scene.
        """
        self._home = first.hand.copy()
        self._start = first.object.copy()
        seen = yield from self._rest(first, self._plan.delay_steps)
        scenes: dict[Disturbance, Callable[[Observation], Script]] = {
            Disturbance.PAUSE: self._pause,
            Disturbance.SLIP_RECOVERED: self._slip,
            Disturbance.DROP: self._drop,
            Disturbance.GRASP_MISSED: self._miss,
            Disturbance.STALL: self._stall,
            Disturbance.WRONG_PLACE: self._misplace,
            Disturbance.UNDONE: self._undo,
            Disturbance.EARLY_STOP: self._stop_early,
        }
        return (yield from scenes.get(self._plan.disturbance, self._succeed)(seen))

    # Whole performances.

    def _succeed(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda now: now.success)
        seen = yield from self._carry_on(seen, 3)
        return (yield from self._finish(seen))

    def _pause(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        seen = yield from self._rest(seen, self._plan.hold_steps)
        return (yield from self._succeed(seen))

    def _slip(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, self._has_carried)
        seen = yield from self._let_go(seen, self._plan.hold_steps)
        return (yield from self._succeed(seen))

    def _drop(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, self._has_carried)
        self.struck_at = self._step
        grip = seen.object - seen.hand
        opened = self._step + self._plan.hold_steps + (4 if self._task.drags else 0)
        end = self._step + max(self._plan.tail_steps, opened - self._step + 15)
        while self._step < end:
            believed = seen.state.copy()
            believed[4:7] = seen.hand + grip
            action = self._decide(believed)
            if self._step < opened:
                action[3] = _OPEN
                if self._task.drags:
                    # Open fingers would go on dragging what lies between them.
                    action[:3] = (0.0, 0.0, self._plan.speed)
            seen = yield from self._do(action)
        return seen

    def _miss(self, seen: Observation) -> Script:
        """The object is believed beside its place, and once it is believed grasped it moves with the hand.

        Nobody can see the miss before the hand closes, or before it arrives where nothing is to be pushed.
        """
        offset = self._plan.miss_offset
        nearest = np.inf
        grip: Vector | None = None
        held_relation = np.zeros(3)
        touched = self._step + round(self._touch_steps / self._plan.speed)
        end = self._step + round(1.15 * self._work_steps) + self._plan.tail_steps // 2
        while self._step < end:
            believed = seen.state.copy()
            believed[4:7] += offset
            if self.struck_at is None and (self.held > 0.0 if self._task.grasps else self._step >= touched):
                self.struck_at = self._step
            if self._task.grasps:
                if grip is None and self.held > 0.0:
                    distance = float(np.linalg.norm(believed[4:7] - seen.hand))
                    if distance < nearest:
                        nearest, held_relation = distance, believed[4:7] - seen.hand
                    elif distance > nearest + 0.004:
                        grip = held_relation
                if grip is not None:
                    believed[4:7] = seen.hand + grip
            seen = yield from self._do(self._decide(believed))
        return seen

    def _stall(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        self.struck_at = self._step
        return (yield from self._rest(seen, self._plan.tail_steps))

    def _misplace(self, seen: Observation) -> Script:
        """The goal is believed elsewhere; where the expert knows its goal by heart, it believes itself elsewhere."""
        shift = self._plan.goal_shift
        knows_goal = bool(np.any(seen.state[36:39]))
        end = self._step + round(1.1 * self._work_steps)
        carried = False
        while self._step < end:
            believed = seen.state.copy()
            carried = carried or bool(np.linalg.norm(seen.object - self._start) > 0.03)
            if knows_goal and self._task.name != "bin-picking":
                believed[36:39] += shift
            elif carried:
                believed[0:3] += shift
                believed[4:7] += shift
            seen = yield from self._do(self._decide(believed))
        if self._plan.retreats and self._task.stays:
            return (yield from self._retreat(seen, self._plan.tail_steps))
        return (yield from self._rest(seen, self._plan.tail_steps))

    def _undo(self, seen: Observation) -> Script:
        if self._plan.after_success:
            seen = yield from self._work(seen, lambda now: now.success)
            seen = yield from self._carry_on(seen, self._plan.hold_steps)
        else:
            seen = yield from self._work(seen, self._has_carried)
        self.struck_at = self._step
        if self._undoer is None:
            seen = yield from self._carry_back(seen)
            return (yield from self._retreat(seen, self._plan.tail_steps // 2 + 10))
        done = float(np.linalg.norm(seen.object - self._start))
        end = self._step + _UNDOING_STEPS
        above = seen.hand + np.array([0.0, 0.0, self._task.undo_rise])
        while self._step < end and seen.hand[2] < above[2] - 0.02:
            seen = yield from self._do(self._toward(seen, above, gain=25.0))
        while self._step < end and np.linalg.norm(seen.object - self._start) > 0.3 * done:
            believed = seen.state.copy()
            believed[36:39] = self._start + 0.4 * (self._start - seen.object)
            seen = yield from self._do(self._shake(act(self._undoer, believed)))
        if np.linalg.norm(seen.object - self._start) > 0.3 * done:
            raise ScriptBroken
        return (yield from self._rest(seen, self._plan.tail_steps // 2 + 5))

    def _stop_early(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        self.struck_at = self._step
        return (yield from self._retreat(seen, self._plan.tail_steps + 15))

    # Their parts.

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
        if self._plan.retreats and self._task.stays:
            return (yield from self._retreat(seen, self._plan.tail_steps))
        return (yield from self._rest(seen, self._plan.tail_steps))

    def _rest(self, seen: Observation, steps: int) -> Script:
        for _ in range(steps):
            seen = yield from self._do(np.array([0.0, 0.0, 0.0, self.held]))
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


def action_in_metres(action: Vector) -> Vector:
    """Turn an action in [-1, 1] into metres of hand displacement and the normalised gripper effort, shape (4,)."""
    return np.array([*(action[:3] * METRES_PER_ACTION), action[3]])
