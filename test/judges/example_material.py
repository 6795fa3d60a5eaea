"""Images and examples for tests of the example bank."""

from __future__ import annotations

import cv2
import numpy as np

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.example import Example
from vlm_judge_ros.judges.example_bank import NewExample, NewFrame


def jpeg(grey: int = 90, size: tuple[int, int] = (48, 64)) -> bytes:
    """A JPEG of one grey level, with a square so that it is no plain colour."""
    picture = np.full((*size, 3), grey, dtype=np.uint8)
    picture[8:24, 8:24] = 255 - grey
    return cv2.imencode(".jpg", picture)[1].tobytes()


def clip(
    task: str = "close the drawer",
    mode: FailureMode = FailureMode.STALL,
    count: int = 3,
    rewards: tuple[float, ...] = (),
    text: str = "The gripper stops before the drawer is shut.",
    origin: str = "",
    grey: int = 90,
) -> NewExample:
    """Frames of two cameras, one moment a second."""
    return NewExample(
        task=task,
        failure_mode=mode,
        text=text,
        frames=[
            NewFrame(camera, float(index), jpeg(grey + index), rewards[index] if rewards else None)
            for index in range(count)
            for camera in ("front", "wrist")
        ],
        origin=origin,
    )


def described(
    name: str,
    task: str = "close the drawer",
    mode: FailureMode = FailureMode.STALL,
    text: str = "It stops.",
    images: int = 0,
    origin: str = "",
) -> Example:
    """An example without its files; so many images of each of two cameras."""
    frames = [
        {"camera": camera, "time_s": float(index), "file": f"{camera}_{index:03d}.jpg", "sha256": "0" * 64}
        for index in range(images)
        for camera in ("front", "wrist")
    ]
    return Example.model_validate(
        {
            "id": name,
            "task": task,
            "failure_mode": mode,
            "kind": "frames" if images else "text",
            "text": text,
            "outcome": "success" if mode is FailureMode.NONE else "failure",
            "frames": frames,
            "origin": origin,
            "created_ns": 0,
        }
    )
