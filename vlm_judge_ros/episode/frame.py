"""Camera frames as they arrived, decoded only when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import BrokenImage


class ImageSource(Protocol):
    """An image in the form in which it arrived.

    Implementations hold the received bytes unchanged, so that a kept frame costs what it cost on the wire.
    """

    @property
    def size_bytes(self) -> int:
        """Bytes held in memory."""

    @property
    def form(self) -> str:
        """Size and encoding for a person, for example "640x480 rgb8"; changes when the camera changes either."""

    def rgb(self) -> NDArray[np.uint8]:
        """Decode to an array of shape (height, width, 3), red first.

        Raises:
            BrokenImage: the bytes are not an image of the kind that they claim to be.
        """

    def grey(self) -> NDArray[np.uint8]:
        """Decode to a grey array of shape (height, width); costs less than colours.

        Raises:
            BrokenImage: as for `rgb`.
        """


Thumbnail: TypeAlias = NDArray[np.uint8]
"""A grey image of shape (24, 32), for cheap comparison with others."""


class Frame:
    """One image of one camera. Whoever has it changes nothing in it.

    Args:
        camera: name of the camera, as in the parameter `cameras`.
        stamp_ns: header stamp in nanoseconds. Integers, so that a verdict carries exactly the stamp of its evidence.
        image: the image as it arrived.
        thumbnail: the thumbnail, or what makes it; then it is made when somebody first asks for it.
    """

    __slots__ = ("_thumbnail", "camera", "image", "stamp_ns")

    def __init__(
        self, camera: str, stamp_ns: int, image: ImageSource, thumbnail: Thumbnail | Callable[[], Thumbnail]
    ) -> None:
        self.camera = camera
        self.stamp_ns = stamp_ns
        self.image = image
        self._thumbnail: Thumbnail | Callable[[], Thumbnail] | BrokenImage = thumbnail

    @property
    def thumbnail(self) -> Thumbnail:
        """A grey image of shape (24, 32), for cheap comparison with other frames.

        Raises:
            BrokenImage: the image is damaged; again each time.
        """
        if callable(self._thumbnail):
            try:
                self._thumbnail = self._thumbnail()
            except BrokenImage as error:
                self._thumbnail = error
        if isinstance(self._thumbnail, BrokenImage):
            raise self._thumbnail
        return self._thumbnail

    @property
    def damage(self) -> BrokenImage | None:
        """What is wrong with the image, which is looked at for it.

        Its header was right, or it would be no frame; so this is about what comes after.
        """
        try:
            _ = self.thumbnail
        except BrokenImage as error:
            return error
        return None


class FrameRole(IntEnum):
    """Why a frame was kept; values equal the constants `ROLE_*` of `vlm_judge_ros/msg/EvidenceFrame`."""

    FIRST = 0
    SPREAD = 1
    TRANSITION = 2
    NEWEST = 3
    RECENT = 4


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame kept as evidence, and why."""

    frame: Frame
    role: FrameRole
