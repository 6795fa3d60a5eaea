"""Finds out how noisy a policy has to be to succeed neither always nor never."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from vlm_judge_ros.closed_loop.choosers import Policy
from vlm_judge_ros.closed_loop.loop import LoopSettings, Scene, start
from vlm_judge_ros.closed_loop.noisy_expert import HORIZON
from vlm_judge_ros.closed_loop.task_table import LoopTask
from vlm_judge_ros.simulation.episode import world_of

TARGET = 0.4
"""Share of episodes in which the policy is to succeed by itself."""

EPISODES = 60
_FIRST_SEED = 500_000
"""Others than those that are evaluated."""

_MOST_NOISE = 1.6
_HALVINGS = 6
# How much longer than the clean expert the policy may take, and chunks on top.
_PATIENCE, _SPARE = 1.2, 2


def calibrated(task: str, episodes: int = EPISODES) -> LoopTask:
    """Look for the noise of one task.

    Args:
        task: its name.
        episodes: how many are played for each noise that is tried.

    Raises:
        JudgeError: the simulator cannot be used, or the expert does not solve the task.
    """
    seeds = range(_FIRST_SEED, _FIRST_SEED + episodes)
    clean = float(np.median([start(world_of(task), seed) for seed in seeds[:10]]))
    decisions = math.ceil(_PATIENCE * clean / HORIZON) + _SPARE

    def success_rate(noise: float) -> float:
        one = LoopTask(task=task, noise=noise, decisions=decisions)
        return float(np.mean([Scene(one, seed, LoopSettings()).run(Policy(), 1).success for seed in seeds]))

    return LoopTask(task=task, noise=round(find_noise(success_rate), 2), decisions=decisions)


def find_noise(
    success_rate: Callable[[float], float], target: float = TARGET, most: float = _MOST_NOISE, halvings: int = _HALVINGS
) -> float:
    """Halve an interval of noise until the success rate, which falls with noise, is about the target.

    Args:
        success_rate: of a noise, 0 to 1.
        target: what it is to be.
        most: upper end of the interval.
        halvings: how often it is halved.
    """
    low, high = 0.0, most
    for _ in range(halvings):
        middle = (low + high) / 2.0
        if success_rate(middle) > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
