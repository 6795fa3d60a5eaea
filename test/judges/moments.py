"""Evidence of plain grey images, for judges whose models know brightness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def grey(camera: str, time_s: float, level: float) -> Frame:
    """An image that is black at level 0 and white at 1."""
    pixels = np.full(24 * 32 * 3, round(255 * level), np.uint8)
    image = RawImage(pixels, 32, 24, "rgb8", 96)
    return Frame(camera, START + round(time_s * SECOND), image, image.thumbnail())


def seen(levels: Sequence[float], task: str = "lift the cube", cameras: Sequence[str] = ("front", "wrist")) -> Evidence:
    """Evidence of one image a second."""
    keyframes = {
        camera: tuple(Keyframe(grey(camera, index, level), FrameRole.SPREAD) for index, level in enumerate(levels))
        for camera in cameras
    }
    return Evidence("one", task, START, START + (len(levels) - 1) * SECOND, keyframes)
