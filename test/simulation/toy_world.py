"""A hand over a table, an object that it can carry and a goal: enough physics to play a performance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.world import METRES_PER_ACTION, Observation

HOME = np.array([0.0, 0.6, 0.2])
OBJECT = np.array([0.0, 0.6, 0.02])
GOAL = np.array([0.1, 0.8, 0.2])


class ToyWorld:
    """The object follows the hand while the gripper is closed around it, and falls straight down when it is not."""

    def __init__(self, coasts: float = 0.0) -> None:
        """Put everything in its place.

        Args:
            coasts: share of a step's motion that goes on in the next one, 0 to 1.
        """
        self._coasts = coasts
        self._motion = np.zeros(3)
        self.hand = HOME.copy()
        self.object = OBJECT.copy()
        self._carried = False
        self._expert = ToyExpert()

    @property
    def observation(self) -> Observation:
        return self.observe()

    def expert_action(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._expert.get_action(state)

    @contextmanager
    def trial(self) -> Iterator[None]:
        before = self._motion.copy(), self.hand.copy(), self.object.copy(), self._carried
        try:
            yield
        finally:
            self._motion, self.hand, self.object, self._carried = before

    def observe(self) -> Observation:
        state = np.zeros(39)
        state[0:3], state[4:7], state[36:39] = self.hand, self.object, GOAL
        return Observation(state, bool(np.linalg.norm(self.object - GOAL) < 0.03))

    def step(self, action: NDArray[np.float64]) -> Observation:
        self._motion = self._coasts * self._motion + (1 - self._coasts) * action[:3] * METRES_PER_ACTION
        self.hand = self.hand + self._motion
        near = np.linalg.norm(self.hand - self.object) < 0.04
        self._carried = action[3] > 0.0 and (self._carried or bool(near))
        if self._carried:
            self.object = self.hand.copy()
        else:
            self.object[2] = max(self.object[2] - 0.05, OBJECT[2])
        return self.observe()


class ToyExpert:
    """Goes to the object, closes the gripper, carries it to the goal."""

    def get_action(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        hand, thing, goal = state[0:3], state[4:7], state[36:39]
        distance = np.linalg.norm(hand - thing)
        target = goal if distance < 0.015 else thing
        return np.array([*np.clip((target - hand) * 25.0, -1.0, 1.0), 1.0 if distance < 0.03 else -1.0])
