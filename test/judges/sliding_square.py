"""A toy task that a reference judge can learn: a bright square slides from left to right and stays there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.judges.reference_fit import ReferenceEpisode
from vlm_judge_ros.models.appearance.grids import GridEncoder

TASK = "slide the square to the right"
CAMERA = "front"
_SIDE_PX, _SQUARE_PX, _HEIGHT_PX = 64, 14, 24


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with the square at a share of the way."""

    share: float
    height: int = _HEIGHT_PX

    size_bytes = 1
    form = "64x64 rgb8"

    def rgb(self) -> NDArray[np.uint8]:
        """Draw it."""
        picture = np.full((_SIDE_PX, _SIDE_PX, 3), 60, dtype=np.uint8)
        picture[44:, :, 1] = 110
        left = round(2 + float(np.clip(self.share, 0.0, 1.0)) * (_SIDE_PX - _SQUARE_PX - 4))
        picture[self.height : self.height + _SQUARE_PX, left : left + _SQUARE_PX] = (230, 200, 40)
        return picture


def reference(seconds: float = 10.0, height: int = _HEIGHT_PX, rest_s: float = 2.0) -> ReferenceEpisode:
    """A success that takes so long and then rests."""
    at_s = np.arange(0.0, seconds + rest_s + 0.25, 0.5)
    pictures = [{CAMERA: Picture(min(1.0, now_s / seconds), height).rgb()} for now_s in at_s]
    return ReferenceEpisode(at_s, GridEncoder().encode(pictures))


def evidence(
    shares: Sequence[float],
    spacing_s: float = 1.0,
    task: str = TASK,
    camera: str = CAMERA,
    last_height: int = _HEIGHT_PX,
) -> Evidence:
    """What a judge is shown of an episode with the square at these shares of the way, and at last beside it or not."""
    heights = [_HEIGHT_PX] * (len(shares) - 1) + [last_height]
    thumbnail = np.zeros((24, 32), dtype=np.uint8)
    frames = [
        Frame(camera, round((1.0 + index * spacing_s) * 1e9), Picture(share, height), thumbnail)
        for index, (share, height) in enumerate(zip(shares, heights, strict=True))
    ]
    keyframes = tuple(Keyframe(frame, FrameRole.SPREAD) for frame in frames)
    return Evidence("one", task, 10**9, frames[-1].stamp_ns, {camera: keyframes})
