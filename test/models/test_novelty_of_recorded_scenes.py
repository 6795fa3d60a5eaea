"""The embedded judge knows that real robots and other simulators are not its scenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from recorded import DATA, needs_recordings

from vlm_judge_ros.models.two_view import TwoViewModel, prepare

INSTRUCTION = "open the drawer"

pytestmark = needs_recordings


def some_frames(path: Path, count: int) -> list[NDArray[np.uint8]]:
    video = cv2.VideoCapture(str(path))
    total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for index in np.linspace(0, total - 2, count).astype(int):
        video.set(cv2.CAP_PROP_POS_FRAMES, float(index))
        read, frame = video.read()
        assert read, path
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return frames


def novelty(first: list[NDArray[np.uint8]], second: list[NDArray[np.uint8]]) -> float:
    model = TwoViewModel()
    size = model.description.image_size_px
    encoded = model.encode(
        np.stack([prepare(np.ascontiguousarray(image), size) for image in first]),
        np.stack([prepare(np.ascontiguousarray(image), size) for image in second]),
        INSTRUCTION,
    )
    return float(encoded.novelty.min())


@pytest.mark.parametrize("number", ["001", "002"])
def test_a_real_robot_at_a_table_is_novel(number: str) -> None:
    folder = DATA / "robo_dopamine" / "dataset" / "example_raw_data" / f"episode_{number}"
    assert novelty(some_frames(folder / "cam_high.mp4", 6), some_frames(folder / "cam_right_wrist.mp4", 6)) > 1.0


def test_another_simulator_is_novel() -> None:
    for path in sorted((DATA / "sole_r1_lift").glob("*/*.mp4")):
        frames = some_frames(path, 4)
        half = frames[0].shape[1] // 2
        assert novelty([frame[:, :half] for frame in frames], [frame[:, half:] for frame in frames]) > 1.0, path.name
