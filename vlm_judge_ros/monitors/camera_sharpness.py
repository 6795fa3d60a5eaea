"""Layer 0: are the images of a camera as sharp as they were?

A thumbnail does not tell: a blur of 1 % of the width, which hides the fingers of a gripper, is a third of one of its
spots. So an image is decoded now and then and scaled to a width of 320. What counts is how steep the edges of each
textured tile are against the range of greys in the same tile, because that depends little on what is seen.

Measured against the median of the same clip: never below 0.78 on the bundled episodes and on recorded ones of two
real arms with moving wrist cameras; at most 0.55 with a Gaussian blur of 2 % of the width and noise of 3 grey levels
added after it; with one of 1 % mostly about 0.6. A lens that is out of focus from the start cannot be told from a
soft one.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any

import cv2
import numpy as np
import numpy.ma  # np.percentile imports it when it is first called, which would be while a robot is watched
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import ImageSource
from vlm_judge_ros.episode.stamps import nanoseconds

WIDTH = 320
SMALLEST_WIDTH = 160
TILE = 16
LEAST_RANGE = 32
LEAST_TILES = 8
PERIOD_NS = nanoseconds(0.5)
LEAST_SAMPLES, MOST_SAMPLES = 6, 240
PIXELS_IN_A_PERIOD = 1_000_000


class Sharpness:
    """Compares the sharpness of one camera's images with their median so far.

    Args:
        share: below this share of the median an image is blurred.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._usual: deque[float] = deque(maxlen=MOST_SAMPLES)
        self._due_ns = 0
        self._newest = math.nan
        self._blurred_since_ns: int | None = None

    @property
    def of_usual(self) -> float:
        """Sharpness of the newest image that was looked at, as a share of the usual; NaN where it is not known."""
        return self._newest / median(self._usual) if len(self._usual) >= LEAST_SAMPLES else math.nan

    @property
    def blurred_since_ns(self) -> int | None:
        """Stamp of the first image of those that have been blurred without a break; None where the newest is not."""
        return self._blurred_since_ns

    def restart(self) -> None:
        """Forget stamps; how sharp the images usually are stays."""
        self._due_ns = 0
        self._blurred_since_ns = None

    def forget(self) -> None:
        """Forget everything, as when the camera sends images of another size."""
        self.restart()
        self._usual.clear()
        self._newest = math.nan

    def add(self, image: ImageSource, stamp_ns: int) -> None:
        """Look at an image, where half a second has passed since the last look, or more for large ones."""
        if stamp_ns < self._due_ns:
            return
        try:
            grey = image.grey()
        except BrokenImage:
            return
        self._due_ns = stamp_ns + PERIOD_NS * max(1, math.ceil(grey.size / PIXELS_IN_A_PERIOD))
        sharpness = sharpness_of(grey)
        if math.isnan(sharpness):
            return
        self._newest = sharpness
        if self.of_usual < self._share:
            # Not added to what is usual: a smeared lens must not become the norm.
            if self._blurred_since_ns is None:
                self._blurred_since_ns = stamp_ns
            return
        self._blurred_since_ns = None
        self._usual.append(sharpness)


def sharpness_of(grey: NDArray[np.uint8]) -> float:
    """How steep the edges of an image are: 1 for a step between two pixels of 320 in a row, towards 0 for none.

    Args:
        grey: shape (height, width).

    Returns:
        NaN where the image is too small, or too little of it has texture.
    """
    height, width = grey.shape
    if width < SMALLEST_WIDTH or height < TILE * 2:
        return math.nan
    if width > WIDTH:
        size = (WIDTH, max(TILE, round(height * WIDTH / width)))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # Noise of single pixels would be taken for edges.
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8)
    smooth = np.ascontiguousarray(smooth[: smooth.shape[0] // TILE * TILE, : smooth.shape[1] // TILE * TILE])
    steps = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    spans = _of_tiles(np.maximum, smooth).astype(np.float64) - _of_tiles(np.minimum, smooth)
    steepest = _of_tiles(np.maximum, steps)
    textured = spans >= LEAST_RANGE
    if np.count_nonzero(textured) < LEAST_TILES:
        return math.nan
    return float(np.percentile(steepest[textured] / spans[textured], 80))


def _of_tiles(extreme: np.ufunc, grey: Any) -> NDArray[np.uint8]:
    # Whole rows first: ten times as fast as both axes of a tile at once.
    of_rows = extreme.reduce(grey.reshape(-1, TILE, grey.shape[1]), axis=1)
    return np.asarray(extreme.reduce(of_rows.reshape(of_rows.shape[0], -1, TILE), axis=2), dtype=np.uint8)
