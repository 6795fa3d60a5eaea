"""Keeps the pictures of an episode within bounds, so that they can be shown again in another order."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame

MOST_HZ = 5.0
MOST_BYTES = 192_000_000
_JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """One picture of one camera.

    Attributes:
        image: the picture, compressed.
        thumbnail: of shape (24, 32).
    """

    image: CompressedImage
    thumbnail: NDArray[np.uint8]


class KeptPictures:
    """The pictures of moments that lie evenly over an episode, those of all cameras together.

    Args:
        started_ns: start of the episode.
        most_bytes: more are never held. When they become more, every second moment is dropped, and so on.
    """

    def __init__(self, started_ns: int, most_bytes: int = MOST_BYTES) -> None:
        self._started_ns = started_ns
        self._most_bytes = most_bytes
        self._interval_ns = round(1e9 / MOST_HZ)
        self._moments: dict[int, dict[str, KeptPicture]] = {}
        self._bytes = 0
        self._places: list[int] = []

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def size_bytes(self) -> int:
        """Bytes of all pictures."""
        return self._bytes

    def add(self, frame: Frame) -> None:
        """Keep a frame where it is the first of its camera in its moment; one that cannot be decoded is passed over."""
        moment = self._moment(frame.stamp_ns)
        if frame.camera in self._moments.get(moment, ()):
            return
        try:
            image = _compressed(frame)
        except BrokenImage:
            return
        self._moments.setdefault(moment, {})[frame.camera] = KeptPicture(image, frame.thumbnail.copy())
        self._bytes += image.size_bytes
        while self._bytes > self._most_bytes and len(self._moments) > 1:
            self._thin()

    def place(self, stamp_ns: int) -> int:
        """Number of the moment that a stamp falls into, or of the last one before it; 0 before the first."""
        return max(0, bisect_right(self._places, self._moment(stamp_ns)) - 1)

    def picture(self, camera: str, place: int) -> KeptPicture | None:
        """What a camera showed in a moment, else last before it, else first after it; None where it showed nothing."""
        places = self._places
        for index in (*range(place, -1, -1), *range(place + 1, len(places))):
            found = self._moments[places[index]].get(camera)
            if found is not None:
                return found
        return None

    def finish(self) -> None:
        """Put the moments in order; called when all pictures are kept, and before any is asked for."""
        self._places = sorted(self._moments)

    def _moment(self, stamp_ns: int) -> int:
        return (stamp_ns - self._started_ns) // self._interval_ns

    def _thin(self) -> None:
        self._interval_ns *= 2
        before, self._moments = self._moments, {}
        for moment in sorted(before):
            joined = self._moments.setdefault(moment // 2, {})
            for camera, picture in before[moment].items():
                joined.setdefault(camera, picture)
        self._bytes = sum(
            picture.image.size_bytes for pictures in self._moments.values() for picture in pictures.values()
        )


def _compressed(frame: Frame) -> CompressedImage:
    """A compressed copy: what arrived may be a view of something much larger.

    Raises:
        BrokenImage: it has to be decoded and cannot be.
    """
    image = frame.image
    if isinstance(image, CompressedImage):
        return CompressedImage(image.file())
    pixels = np.ascontiguousarray(image.rgb())
    return CompressedImage(
        simplejpeg.encode_jpeg(pixels, quality=_JPEG_QUALITY, colorspace="RGB", colorsubsampling="444")
    )
