"""Simulated episodes as tensors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.simulation.tasks import TASKS


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


def load_episodes(folder: Path, device: torch.device) -> tuple[list[Episode], dict[str, list[str]]]:
    """Read every episode that `vlm_judge_ros.simulation.dataset` wrote into a folder, in the order of seeds.

    Args:
        folder: where the files lie.
        device: where the images go.

    Returns:
        The episodes, and per task among them the instructions that tell it.

    Raises:
        SystemExit: the folder holds no episodes.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise SystemExit(f"{folder} holds no episodes; make some with python -m vlm_judge_ros.simulation.dataset.")
    with ThreadPoolExecutor() as pool:
        episodes = list(pool.map(lambda path: _read(path, device), paths))
    tasks = sorted({episode.task for episode in episodes})
    return episodes, {task: list(TASKS[task].instructions) for task in tasks}


def _read(path: Path, device: torch.device) -> Episode:
    with np.load(path) as file:
        onset_s = float(file["onset_s"])
        return Episode(
            task=str(file["task"]),
            instruction=str(file["instruction"]),
            seed=int(file["seed"]),
            mode=FailureMode(int(file["mode"])).name,
            onset_s=None if np.isnan(onset_s) else onset_s,
            seconds=file["stamps_s"].astype(np.float64),
            first=_images(file["front"], file["front_ends"]).to(device),
            second=_images(file["wrist"], file["wrist_ends"]).to(device),
            progress=file["progress"],
            success=file["success"],
            failing=file["failing"],
        )


def _images(content: NDArray[np.uint8], ends: NDArray[np.int64]) -> Tensor:
    parts = np.split(content, ends[:-1])
    return torch.from_numpy(np.stack([cv2.imdecode(part, cv2.IMREAD_COLOR_RGB) for part in parts]))
