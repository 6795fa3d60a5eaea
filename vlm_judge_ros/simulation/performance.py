"""The expert's performance, with what disturbs it, as a script that yields one action at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.motions import Motions, Script, ScriptBroken, Vector
from vlm_judge_ros.simulation.world import METRES_PER_ACTION, Observation, act

_UNDOING_STEPS = 130
_JOLT_STEPS = 7
_DETOUR_STEPS = 8
_OPEN, _CLOSED = -1.0, 1.0
# What has moved by this much (m) is being moved on purpose.
_MOVED = 0.03


class Performance(Motions):
    """Plays one plan. Talks in observations and actions only, so it can be tested without a simulator."""

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
            Disturbance.DETOUR: self._detour,
            Disturbance.JOLT: self._jolt,
            Disturbance.NEAR_MISS: self._stop_short,
            Disturbance.SUCCESS_LOST: self._lose,
            Disturbance.SHORTCUT: self._cheat,
            Disturbance.REWIND: self._rewind,
            Disturbance.NOISE: self._flounder,
            Disturbance.KNOCKED_AWAY: self._knock,
            Disturbance.WANDER: self._wander,
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
        # An arm that is told nothing more coasts for a while. Nobody can see it stall before it stands.
        seen = yield from self._come_to_rest(seen)
        self.struck_at = self._step
        return (yield from self._rest(seen, self._plan.tail_steps))

    def _misplace(self, seen: Observation) -> Script:
        """The goal is believed elsewhere; where the expert knows its goal by heart, it believes itself elsewhere."""
        shift = self._plan.goal_shift
        knows_goal = bool(np.any(seen.state[36:39])) and not self._task.goal_by_heart
        end = self._step + round(1.1 * self._work_steps)
        carried = False
        while self._step < end:
            believed = seen.state.copy()
            carried = carried or bool(np.linalg.norm(seen.object - self._start) > 0.03)
            if knows_goal:
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

    def _detour(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        seen = yield from self._go(seen, seen.hand + self._plan.detour, _DETOUR_STEPS)
        return (yield from self._succeed(seen))

    def _jolt(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        seen = yield from self._swing(seen, _JOLT_STEPS)
        return (yield from self._succeed(seen))

    def _stop_short(self, seen: Observation) -> Script:
        """Believe to be done a little too early, let go and go home."""
        share = 0.45 + 0.45 * self._plan.when if self._task.grasps else 0.35 + 0.45 * self._plan.when
        moves = np.linalg.norm(self._clean_end - self._start) > _MOVED
        almost = self._plan.delay_steps + round(share * self._work_steps)
        seen = yield from self._work(seen, lambda now: self._share_done(now) > share if moves else self._step >= almost)
        self.struck_at = self._step
        # The arm lags behind what it is told: without a step back it would go on and arrive.
        seen = yield from self._go(seen, self._track[-min(4, len(self._track))][0], 6)
        return (yield from self._retreat(seen, self._plan.tail_steps + 15))

    def _lose(self, seen: Observation) -> Script:
        """Have it, and lose it: drop what has to be held, let go what springs back, shove away what lies there."""
        seen = yield from self._work(seen, lambda now: now.success)
        seen = yield from self._carry_on(seen, self._plan.hold_steps)
        self.struck_at = self._step
        if self._task.stays:
            shove = self._plan.detour * (1.0, 1.0, 0.0)
            seen = yield from self._go(seen, seen.hand + shove, 25)
            seen = yield from self._go(seen, seen.hand + shove, 25)
        return (yield from self._retreat(seen, self._plan.tail_steps))

    def _cheat(self, seen: Observation) -> Script:
        """Do it in the expert's way, which the instruction forbids: that shows as soon as the object moves."""
        seen = yield from self._work(seen, lambda now: bool(np.linalg.norm(now.object - self._start) > _MOVED))
        self.struck_at = self._step
        return (yield from self._succeed(seen))

    def _rewind(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        self.struck_at = self._step
        seen = yield from self._go_back(seen)
        return (yield from self._rest(seen, self._plan.tail_steps // 2))

    def _flounder(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        self.struck_at = self._step
        return (yield from self._swing(seen, self._plan.tail_steps + 10))

    def _knock(self, seen: Observation) -> Script:
        """Sweep the object off its place instead of taking it."""
        self.held = _CLOSED
        side = self._plan.detour * (1.0, 0.3, 0.0)
        beside = seen.object - side + np.array([0.0, 0.0, 0.01])
        seen = yield from self._go(seen, beside + np.array([0.0, 0.0, 0.12]), 60)
        seen = yield from self._go(seen, beside, 25)
        while self._step < self._budget and np.linalg.norm(seen.object - self._start) < 0.01:
            seen = yield from self._go(seen, seen.hand + 0.3 * side, 4)
        self.struck_at = self._step
        seen = yield from self._go(seen, seen.hand + 1.5 * side, 25)
        if np.linalg.norm(seen.object - self._start) < 2 * _MOVED:
            raise ScriptBroken
        return (yield from self._retreat(seen, self._plan.tail_steps + 10))

    def _wander(self, seen: Observation) -> Script:
        seen = yield from self._work(seen, lambda _: self._step >= self._strike_step)
        self.struck_at, begun, end = self._step, seen.hand.copy(), self._step + self._plan.tail_steps + 20
        for waypoint in self._plan.waypoints:
            seen = yield from self._go(seen, begun + waypoint, max(0, min(15, end - self._step)))
        return seen


def action_in_metres(action: Vector) -> Vector:
    """Turn an action in [-1, 1] into metres of hand displacement and the normalised gripper effort, shape (4,)."""
    return np.array([*(action[:3] * METRES_PER_ACTION), action[3]])
