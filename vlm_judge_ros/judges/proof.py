"""The first question that a judge has to answer before it counts as ready."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage

_WIDTH, _HEIGHT = 128, 96
_STAMPS_NS = {FrameRole.FIRST: 1_000_000_000, FrameRole.NEWEST: 2_000_000_000}


def proof(cameras: Sequence[str]) -> Evidence:
    """A question with two grey images per camera. It proves that the model runs, not what it knows.

    The task is one that the embedded judge knows: it declines others before its model is asked.
    """
    grey = np.full(_WIDTH * _HEIGHT * 3, 128, np.uint8)
    keyframes = {}
    for camera in cameras:
        images = {role: RawImage(grey, _WIDTH, _HEIGHT, "rgb8", _WIDTH * 3) for role in _STAMPS_NS}
        keyframes[camera] = tuple(
            Keyframe(Frame(camera, _STAMPS_NS[role], image, image.thumbnail), role) for role, image in images.items()
        )
    started_ns, now_ns = _STAMPS_NS.values()
    return Evidence("proof", "open the drawer", started_ns, now_ns, keyframes)
