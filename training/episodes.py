"""Simulated episodes on disk, with what has to be known of them in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.tasks import TRAINED_TASKS, task_named

HELD_OUT_SEEDS = range(600_000, 700_000)


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """One simulated episode with its ground truth. The pictures stay in its file: memory cannot hold all.

    Attributes:
        path: its file.
        task: name of the task.
        instruction: the instruction the episode was made with.
        instructions: the wordings that mean this episode; those that forbid what happens in it, for a shortcut.
        disturbance: what happened to the expert, by name.
        seed: seed it was made from; tells training from held-out episodes.
        mode: failure mode by name; "NONE" for a success.
        onset_s: when the failure began; None for a success.
        seconds: times of the frames from the start, shape (frames,).
        progress: ground truth, 0 to 1, shape (frames,).
        success: whether the task is complete at each frame, shape (frames,).
        failing: whether the failure has begun at each frame, shape (frames,).
    """

    path: Path
    task: str
    instruction: str
    instructions: tuple[str, ...]
    disturbance: str
    seed: int
    mode: str
    onset_s: float | None
    seconds: NDArray[np.float64]
    progress: NDArray[np.float32]
    success: NDArray[np.bool_]
    failing: NDArray[np.bool_]

    def pictures(self, at: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Decode some frames of the front and of the wrist camera, each of shape (len(at), 96, 96, 3), bytes."""
        return pictures_in(self.path, at)


def load_episodes(folder: Path) -> list[Episode]:
    """Read every episode that may be trained or tested on, in the order of seeds.

    Tasks and disturbances that are left out of training are not among them, even where the folder holds some.

    Args:
        folder: where `vlm_judge_ros.simulation.dataset` wrote the files.

    Raises:
        SystemExit: the folder holds no such episodes.
    """
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(_read, sorted(folder.glob("*.npz"))))
    episodes = [
        episode
        for episode in read
        if episode.task in TRAINED_TASKS and Disturbance(episode.disturbance).is_trained and len(episode.seconds) > 1
    ]
    if not episodes:
        raise SystemExit(f"{folder} holds no episodes; make some with python -m vlm_judge_ros.simulation.dataset.")
    return episodes


def _read(path: Path) -> Episode:
    with np.load(path) as file:
        onset_s, task, disturbance = float(file["onset_s"]), str(file["task"]), str(file["disturbance"])
        known = task_named(task)
        shortcut = disturbance == Disturbance.SHORTCUT.value
        return Episode(
            path=path,
            task=task,
            instruction=str(file["instruction"]),
            instructions=known.forbidding if shortcut else known.instructions,
            disturbance=disturbance,
            seed=int(file["seed"]),
            mode=FailureMode(int(file["mode"])).name,
            onset_s=None if np.isnan(onset_s) else onset_s,
            seconds=file["stamps_s"].astype(np.float64),
            progress=file["progress"],
            success=file["success"],
            failing=file["failing"],
        )


def pictures_in(path: Path, at: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Decode some pictures of both cameras in a file of simulated data, each of shape (len(at), 96, 96, 3), bytes."""
    with np.load(path) as file:
        return _images(file["front"], file["front_ends"], at), _images(file["wrist"], file["wrist_ends"], at)


def _images(content: NDArray[np.uint8], ends: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.uint8]:
    starts = np.concatenate([[0], ends[:-1]])
    decoded = [cv2.imdecode(content[starts[index] : ends[index]], cv2.IMREAD_COLOR_RGB) for index in at]
    return np.stack(decoded).astype(np.uint8, copy=False)
