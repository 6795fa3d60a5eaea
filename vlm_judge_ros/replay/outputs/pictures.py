"""`pictures/`: a few images of each camera, as JPEG, chosen while an episode goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame

FOLDER = "pictures"
SPREAD = 16
"""Pictures of each camera that are spread evenly over an episode."""

MOST_MARKED = 8
"""Further pictures of each camera, at moments at which something happened."""

LONGEST_SIDE = 1280
"""Larger images are scaled down to this, in pixels."""

_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        camera: name of the camera.
        time_s: seconds from the start of the episode.
        file: its name within `FOLDER`.
    """

    camera: str
    time_s: float
    file: str


class Pictures:
    """Writes the pictures of one episode. Of each camera only the newest image is held in memory.

    Args:
        folder: of the episode.
        cameras: their names.
        started_ns: start of the episode.
        ended_ns: its end.
        moments_s: further moments that shall be seen, in seconds from the start.
    """

    def __init__(
        self, folder: Path, cameras: Sequence[str], started_ns: int, ended_ns: int, moments_s: Sequence[float] = ()
    ) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir()
        self._started_ns = started_ns
        step_ns = (ended_ns - started_ns) / (SPREAD - 1)
        wanted = {started_ns + round(step_ns * index) for index in range(SPREAD - 1)}
        wanted |= {started_ns + round(moment_s * 1e9) for moment_s in moments_s}
        self._wanted = {camera: sorted(wanted) for camera in cameras}
        self._next = dict.fromkeys(cameras, 0)
        self._newest: dict[str, tuple[int, Frame]] = {}
        self._marked = 0
        self._written: dict[tuple[str, int], Picture] = {}
        self._numbers = {camera: number for number, camera in enumerate(cameras)}

    def see(self, frame: Frame, time_ns: int) -> None:
        """Take the next image of a camera; it is written where it is the first one after a wanted moment."""
        if frame.camera not in self._wanted:
            return
        self._newest[frame.camera] = (time_ns, frame)
        wanted, index = self._wanted[frame.camera], self._next[frame.camera]
        if index < len(wanted) and time_ns >= wanted[index] and self._write(time_ns, frame):
            while index < len(wanted) and time_ns >= wanted[index]:
                index += 1
            self._next[frame.camera] = index

    def mark(self) -> None:
        """Something happens now: write what all cameras show."""
        if self._marked < MOST_MARKED:
            self._marked += 1
            self._write_newest()

    def finish(self) -> tuple[Picture, ...]:
        """Write the last images; returns all pictures in order of time."""
        self._write_newest()
        return tuple(sorted(self._written.values(), key=lambda picture: (picture.time_s, picture.camera)))

    def _write_newest(self) -> None:
        for time_ns, frame in self._newest.values():
            self._write(time_ns, frame)

    def _write(self, time_ns: int, frame: Frame) -> bool:
        """False where the image is damaged, and is not written."""
        if (frame.camera, time_ns) in self._written:
            return True
        jpeg = _jpeg(frame)
        if jpeg is None:
            return False
        milliseconds = max(0, time_ns - self._started_ns) // 1_000_000
        file = f"{self._numbers[frame.camera]}-{milliseconds:08d}.jpg"
        (self._folder / file).write_bytes(jpeg)
        time_s = (time_ns - self._started_ns) * 1e-9
        self._written[frame.camera, time_ns] = Picture(frame.camera, time_s, file)
        return True


def _jpeg(frame: Frame) -> bytes | None:
    """An image as JPEG; None where it cannot be decoded."""
    image = frame.image
    if frame.damage is not None:
        return None
    try:
        if isinstance(image, CompressedImage) and image.kind == "jpeg" and image.longest_side <= LONGEST_SIDE:
            return image.file()
        pixels = image.rgb()
    except BrokenImage:
        return None
    share = LONGEST_SIDE / max(pixels.shape[:2])
    if share < 1.0:
        pixels = np.asarray(cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    encoded, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes() if encoded else None
