"""A world, a policy and a judge that fit on a page: a white square has to reach the right edge of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.history import raw_image

WIDTH, HEIGHT, SIDE = 64, 48, 8
STEP_S = 0.1
HORIZON = 5

Floats = NDArray[np.float64]


def picture(place: float) -> NDArray[np.uint8]:
    """The square at a place from 0 (left) to 1 (right)."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    left = round(np.clip(place, 0.0, 1.0) * (WIDTH - SIDE))
    pixels[20 : 20 + SIDE, left : left + SIDE] = 255
    return pixels


class SquareWorld:
    """Moves the square by what the action says; done at the right edge."""

    def __init__(self) -> None:
        self.place = 0.1
        self.stamp_ns = 1_000_000_000

    @property
    def done(self) -> bool:
        """Whether the square has arrived."""
        return self.place >= 0.95

    def step(self, action: float) -> None:
        """Execute one action: by how much the square moves."""
        self.place = float(np.clip(self.place + action, 0.0, 1.0))
        self.stamp_ns += round(STEP_S * 1e9)


class DrunkenPolicy:
    """Draws chunks that go to the right a little more often than to the left."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def draw(self) -> Floats:
        """A chunk of shape (5, 1)."""
        return np.full((HORIZON, 1), self._random.normal(0.004, 0.02))


def predict(place: float, chunk: Floats) -> Candidate:
    """What would come of a chunk. In earnest a world model or a simulator says it."""
    frame = PredictedFrame("front", HORIZON * STEP_S, raw_image(picture(place + float(chunk.sum()))))
    return Candidate(chunk, (frame,))


class SquareJudge:
    """Takes the place of the square in the newest picture for the progress."""

    provenance = JudgeProvenance("square", "", "cpu", "direct")

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge the newest picture."""
        bright = np.flatnonzero(evidence.keyframes["front"][-1].frame.image.grey().max(axis=0) > 128)
        return Opinion(evidence, self.provenance, progress=float(bright[0]) / (WIDTH - SIDE))
