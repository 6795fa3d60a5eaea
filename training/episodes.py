"""Simulated episodes as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """One simulated episode with its ground truth.

    Attributes:
        task: name of the task.
        instruction: the instruction the episode was made with.
        seed: seed it was made from; tells training from held-out episodes.
        mode: failure mode by name; "NONE" for a success.
        onset_s: when the failure began; None for a success.
        seconds: times of the frames from the start, shape (frames,).
        first: images of the front camera, shape (frames, 96, 96, 3), bytes.
        second: images of the wrist camera, of the same shape.
        progress: ground truth, 0 to 1, shape (frames,).
        success: whether the task is complete at each frame, shape (frames,).
        failing: whether the failure has begun at each frame, shape (frames,).
    """

    task: str
    instruction: str
    seed: int
    mode: str
    onset_s: float | None
    seconds: NDArray[np.float64]
    first: Tensor
    second: Tensor
    progress: NDArray[np.float32]
    success: NDArray[np.bool_]
    failing: NDArray[np.bool_]
