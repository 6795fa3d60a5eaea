"""What every kind of image shares: its bytes, the limits of its size, and its thumbnail."""

from __future__ import annotations

import array
from dataclasses import dataclass
from typing import TypeAlias, Union

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import BrokenImage, FrameFault

ImageBytes: TypeAlias = Union[bytes, bytearray, memoryview, "array.array[int]", NDArray[np.uint8]]

THUMBNAIL_SIZE = (24, 32)
"""Height and width of thumbnails, in pixels."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Largest image that is decoded; checked before any memory is taken for it.

    Attributes:
        side: most pixels along one side.
        pixels: most pixels.
    """

    side: int = 16384
    pixels: int = 2**25

    def check(self, width: int, height: int) -> None:
        """Compare a claimed size with the limits.

        Raises:
            BrokenImage: the size is zero or beyond the limits.
        """
        if width <= 0 or height <= 0:
            raise BrokenImage(FrameFault.ZERO_SIZE, f"The image has no pixels: it claims {width} x {height}.")
        if max(width, height) > self.side or width * height > self.pixels:
            raise BrokenImage(
                FrameFault.TOO_LARGE,
                f"The image claims {width} x {height} pixels; at most {self.side} a side and {self.pixels} in all.",
            )


def as_bytes(data: ImageBytes) -> NDArray[np.uint8]:
    """Return the bytes as a flat read-only array on the same memory; nothing is copied.

    Raises:
        BrokenImage: there are no bytes.
    """
    if len(data) == 0:
        raise BrokenImage(FrameFault.ZERO_SIZE, "The image has no data.")
    view: NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
    view.flags.writeable = False
    return view


def shrink(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average a grey image of any size down to a thumbnail."""
    height, width = THUMBNAIL_SIZE
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
