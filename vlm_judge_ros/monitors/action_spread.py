"""How far each number of a policy's actions varies over an episode: the measure that its distances are told in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.chunk import Chunk

LARGEST = 1e100
"""Larger numbers are no actions, and their squares would overflow."""


class ActionSpread:
    """Standard deviation of each dimension over all actions that were announced.

    Chunks with another number of dimensions, other names, or another policy are a new start.
    """

    def __init__(self) -> None:
        self._meaning: tuple[str, int, tuple[str, ...]] = ("", 0, ())
        self._count = 0
        self._mean: NDArray[np.float64] = np.empty(0)
        self._squares: NDArray[np.float64] = np.empty(0)

    def add(self, chunk: Chunk) -> bool:
        """Take the actions of a chunk that has usable ones; False where it was a new start."""
        meaning = (chunk.policy, width(chunk), chunk.action_names)
        known = meaning == self._meaning
        if not known:
            self._meaning, self._count = meaning, 0
            self._mean = np.zeros(meaning[1])
            self._squares = np.zeros(meaning[1])
        parts = [part for part in (chunk.actions, *chunk.samples) if part.size]
        actions = np.concatenate(parts)
        mean = actions.mean(axis=0)
        count = self._count + len(actions)
        away = mean - self._mean
        # Chan's update: what was seen before is kept as count, mean and sum of squares.
        self._squares = (
            self._squares + np.square(actions - mean).sum(axis=0) + away**2 * self._count * len(actions) / count
        )
        self._mean = self._mean + away * len(actions) / count
        self._count = count
        return known

    def scaled(self, actions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Actions, or differences of actions, in standard deviations; 0 where a dimension has never varied.

        Divided by the root of the number of dimensions that vary, so that lengths do not grow with it.
        """
        spread = np.sqrt(self._squares / max(1, self._count))
        # Below this is rounding of numbers that are all the same.
        varies = spread > 1e-9 * (np.abs(self._mean) + 1e-9)
        divisor = np.where(varies, spread, np.inf) * math.sqrt(max(1, int(np.count_nonzero(varies))))
        scaled: NDArray[np.float64] = actions / divisor
        return scaled


def width(chunk: Chunk) -> int:
    """Number of dimensions of a chunk's actions; 0 where it tells none."""
    return int(chunk.actions.shape[-1] if chunk.actions.size else chunk.samples.shape[-1] if chunk.samples.size else 0)


def usable(chunk: Chunk) -> bool:
    """Whether all numbers of a chunk's actions and samples are finite and of a size that actions have."""
    return all(bool(np.all(np.abs(part) < LARGEST)) for part in (chunk.actions, chunk.samples) if part.size)
