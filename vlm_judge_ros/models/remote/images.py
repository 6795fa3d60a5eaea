"""From frames to the data URLs in which a server gets its images."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
import simplejpeg

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.models.remote.settings import Images

# What every server reads. WebP is not among these.
_PASSED_THROUGH = ("jpeg", "png")


class ImageUrls:
    """Makes data URLs, and keeps those of the frames that were shown last, so that each frame is encoded once.

    Args:
        settings: size and quality.
    """

    def __init__(self, settings: Images) -> None:
        self._settings = settings
        # Frames are known by identity; holding them keeps their identities from being used again.
        self._made: dict[int, tuple[Frame, str]] = {}

    def of(self, frames: Sequence[Frame]) -> list[str]:
        """The URLs of frames, in their order.

        Raises:
            BrokenImage: one has to be decoded and cannot be.
        """
        made = {}
        for frame in frames:
            if id(frame) not in made:
                made[id(frame)] = self._made.get(id(frame)) or (frame, data_url(frame, self._settings))
        self._made = made
        return [made[id(frame)][1] for frame in frames]


def data_url(frame: Frame, settings: Images) -> str:
    """One frame as a data URL.

    A JPEG or PNG that is small enough goes out as it came, byte for byte. Everything else is decoded, scaled down to
    the longest side and encoded as JPEG.

    Raises:
        BrokenImage: it has to be decoded and cannot be.
    """
    image = frame.image
    if (
        isinstance(image, CompressedImage)
        and image.kind in _PASSED_THROUGH
        and image.longest_side <= settings.size_px
        and image.size_bytes <= settings.most_bytes
    ):
        return _url(image.kind, image.file())
    pixels = image.rgb()
    height, width = pixels.shape[:2]
    scale = settings.size_px / max(height, width)
    if scale < 1.0:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    encoded = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=settings.jpeg_quality, colorspace="RGB", colorsubsampling="420"
    )
    return _url("jpeg", encoded)


def _url(kind: str, file: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(file).decode('ascii')}"
