"""A policy that often goes astray: the scripted expert, whose chunks drift."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.world import World

Floats = NDArray[np.float64]

HORIZON = 10
"""Actions in a chunk."""

_KEPT = 0.9
"""Share of its noise that an action hands on to the next: a chunk drifts in one direction, and does not tremble."""


def drift(random: np.random.Generator, horizon: int, width: int, size: float) -> Floats:
    """Noise that stays alike from one action to the next (autoregressive of first order, stationary).

    Args:
        random: source of randomness.
        horizon: actions.
        width: numbers of an action.
        size: standard deviation of each number.

    Returns:
        Array of shape (horizon, width).
    """
    fresh = random.normal(size=(horizon, width))
    noise = np.empty_like(fresh)
    noise[0] = fresh[0]
    for step in range(1, horizon):
        noise[step] = _KEPT * noise[step - 1] + np.sqrt(1.0 - _KEPT**2) * fresh[step]
    return size * noise


class NoisyExpert:
    """Plans what the clean expert would do from here, and draws chunks around it.

    Args:
        world: the scene; each plan leaves it as it was.
        noise: standard deviation of the drift, in the unit of actions, which end at 1.
        seed: of the episode. The same seed gives the same noise in a task, however many chunks are drawn and whoever
            chooses; other noise in another task, so that tasks are evidence independent of each other.
    """

    def __init__(self, world: World, noise: float, seed: int) -> None:
        self._world = world
        self._noise = noise
        self._seeds = seed, zlib.crc32(world.task.name.encode())

    def chunks(self, decision: int, count: int) -> list[Floats]:
        """Draw chunks of 10 actions in [-1, 1] for the state as it is now; the first is what it would do by itself.

        Args:
            decision: number of the decision in its episode.
            count: how many.
        """
        plan = self._plan()
        chunks = []
        for index in range(count):
            random = np.random.default_rng([*self._seeds, decision, index])
            chunks.append(np.clip(plan + drift(random, HORIZON, plan.shape[1], self._noise), -1.0, 1.0))
        return chunks

    def _plan(self) -> Floats:
        actions = []
        with self._world.trial():
            for _ in range(HORIZON):
                actions.append(self._world.expert_action(self._world.observation.state))
                self._world.step(actions[-1])
        return np.array(actions)
