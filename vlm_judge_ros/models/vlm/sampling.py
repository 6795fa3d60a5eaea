"""The next token of an answer, chosen from the logits."""

from __future__ import annotations

import math

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.graphs import Array


class Sampler:
    """Chooses token after token; the same seed and the same logits give the same tokens.

    All tokens may be drawn, each as often as its probability says: neither the number of candidates nor repetition is
    held down, whatever generation_config.json of a model recommends.

    Args:
        temperature: 0 for the most probable token; above 0 logits are divided by it and a token is drawn.
        seed: of the drawing.

    Raises:
        JudgeError: the temperature or the seed is negative, or the temperature is not finite.
    """

    def __init__(self, temperature: float, seed: int) -> None:
        if not (math.isfinite(temperature) and temperature >= 0):
            raise JudgeError(f"The temperature is {temperature}; give 0 for the most probable answer, or more.")
        if seed < 0:
            raise JudgeError(f"The seed is {seed}; give 0 or more.")
        self._temperature = temperature
        self._random = np.random.default_rng(seed)

    def choose(self, logits: Array) -> int:
        """Choose a token.

        Args:
            logits: shape (vocabulary,); minus infinity where a token must not be chosen.
        """
        if self._temperature == 0:
            return int(np.argmax(logits))
        return drawn(logits, self._temperature, float(self._random.random()))


def drawn(logits: Array, temperature: float, fraction: float) -> int:
    """The token at which a share of all probability is passed, counted from the first token on.

    Args:
        logits: shape (vocabulary,).
        temperature: above 0.
        fraction: which share, from 0 to below 1; where this is drawn evenly, tokens come as often as is probable.
    """
    below = logits.astype(np.float64) - float(logits.max())
    # A temperature next to nothing takes all but the most probable tokens to minus infinity, and these to nothing.
    with np.errstate(over="ignore"):
        passed = np.cumsum(np.exp(below / temperature))
    return int(np.searchsorted(passed, fraction * passed[-1], side="right"))
