"""Layer 0: does an image show anything at all?

Looks at thumbnails, which are grey and 24 x 32. On the bundled episodes and on recorded ones of real robots, at most
18 % of a thumbnail is white, and the contrast that 2 % of neighbouring spots exceed is 26 grey levels or more.
Something close before a lens is so far out of focus that it leaves a smooth gradient of one or two levels from spot
to spot.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.camera_limits import CameraLimits

WHITE_LEVEL = 250
# Dust and dead pixels leave some contrast in an image that shows nothing.
CONTRAST_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an image shows nothing.

    Attributes:
        name: name of the finding.
        text: what there is to say, to follow the name of the camera.
        remedy: what to do.
        since_ns: stamp of the first such frame.
        limit_s: how long it has to last.
    """

    name: str
    text: str
    remedy: str
    since_ns: int
    limit_s: float


class Picture:
    """Remembers since when the images of one camera have shown nothing."""

    def __init__(self, limits: CameraLimits) -> None:
        self._limits = limits
        self._trouble: Trouble | None = None

    @property
    def shows_something(self) -> bool:
        """False where the newest image is black, white or uniform."""
        return self._trouble is None

    def restart(self) -> None:
        """Forget everything."""
        self._trouble = None

    def add(self, thumbnail: NDArray[np.uint8], stamp_ns: int) -> None:
        """Take the next image."""
        trouble = self._look(thumbnail, stamp_ns)
        if trouble is None or self._trouble is None or trouble.name != self._trouble.name:
            self._trouble = trouble

    def trouble(self, newest_ns: int) -> Trouble | None:
        """What is wrong for long enough; None for nothing."""
        trouble = self._trouble
        return trouble if trouble and newest_ns - trouble.since_ns >= nanoseconds(trouble.limit_s) else None

    def _look(self, thumbnail: NDArray[np.uint8], stamp_ns: int) -> Trouble | None:
        limits = self._limits
        if int(thumbnail.max()) <= limits.black_level:
            remedy = "uncover it or switch on the light"
            return Trouble("camera_black", "has been black", remedy, stamp_ns, limits.black_s)
        white = np.count_nonzero(thumbnail >= WHITE_LEVEL)
        if limits.overexposed_share and white > limits.overexposed_share * thumbnail.size:
            remedy = "shorten its exposure or dim the light"
            return Trouble("camera_overexposed", "has been overexposed", remedy, stamp_ns, limits.overexposed_s)
        if limits.blocked_contrast and contrast_share(thumbnail, limits.blocked_contrast) <= CONTRAST_SHARE:
            remedy = "clear what covers its lens"
            return Trouble("camera_blocked", "has shown no structure", remedy, stamp_ns, limits.blocked_s)
        return None


def contrast_share(thumbnail: NDArray[np.uint8], level: int) -> float:
    """Share of the pairs of neighbouring spots that differ by more grey levels than the given one."""
    across, down = cv2.absdiff(thumbnail[:, 1:], thumbnail[:, :-1]), cv2.absdiff(thumbnail[1:], thumbnail[:-1])
    return float((np.count_nonzero(across > level) + np.count_nonzero(down > level)) / (across.size + down.size))
