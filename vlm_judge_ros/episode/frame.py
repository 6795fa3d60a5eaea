"""Camera frames as they arrived, decoded only when somebody looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of one camera.

    Attributes:
        camera: name of the camera, as in the parameter `cameras`.
        stamp_ns: header stamp in nanoseconds. Integers, so that a verdict carries exactly the stamp of its evidence.
        image: the image as it arrived.
        thumbnail: grey image of shape (24, 32), for cheap comparison with other frames.
    """

    camera: str
    stamp_ns: int
    image: ImageSource
    thumbnail: NDArray[np.uint8]


class FrameRole(IntEnum):
    """Why a frame was kept; values equal the constants `ROLE_*` of `vlm_judge_ros/msg/EvidenceFrame`."""

    FIRST = 0
    SPREAD = 1
    TRANSITION = 2
    NEWEST = 3


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame kept as evidence, and why."""

    frame: Frame
    role: FrameRole
