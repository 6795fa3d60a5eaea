"""Evidence whose images are as bright as the task is far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def frame(camera: str, time_s: float, level: float, start_ns: int = START) -> Frame:
    pixels = np.full(24 * 32 * 3, round(255 * level), np.uint8)
    image = RawImage(pixels, 32, 24, "rgb8", 96)
    return Frame(camera, start_ns + round(time_s * SECOND), image, image.thumbnail())


def evidence(
    levels: Sequence[float],
    cameras: Sequence[str] = ("front", "wrist"),
    task: str = "lift the cube",
    start_ns: int = START,
) -> Evidence:
    """One image a second and camera, the first at the start of the episode."""
    keyframes = {
        camera: tuple(
            Keyframe(frame(camera, float(time_s), level, start_ns), FrameRole.SPREAD)
            for time_s, level in enumerate(levels)
        )
        for camera in cameras
    }
    return Evidence("one", task, start_ns, start_ns + (len(levels) - 1) * SECOND, keyframes)
