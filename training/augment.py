"""Changes of camera and light that must not change the answer."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_NOISE = 96


def augment(images: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Shift, zoom, turn, tint and blur an episode as a whole, and add noise to each image.

    Args:
        images: of one camera in one episode, shape (n, size, size, 3).
        random: source of every draw.

    Returns:
        New images of the same shape.
    """
    size = images.shape[1]
    zoom, turn = random.uniform(0.93, 1.07), random.uniform(-0.05, 0.05)
    shift = random.uniform(-0.04, 0.04, size=2) * size
    cosine, sine, middle = zoom * np.cos(turn), zoom * np.sin(turn), (size - 1) / 2
    linear = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.column_stack([linear, (middle - linear @ [middle, middle]) + shift])
    gains = random.uniform(0.75, 1.25) * random.uniform(0.93, 1.07, size=3)
    offset = random.uniform(-19.0, 19.0)
    levels = np.arange(256.0)[:, None]
    table = np.clip(127.5 + (levels - 127.5) * gains + offset, 0, 255).astype(np.uint8)[None]
    softness = max(0.0, random.uniform(-0.8, 0.8))
    noise = (random.standard_normal((_NOISE + size, size, 3)) * random.uniform(0.0, 5.0)).astype(np.int16)

    def changed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        moved = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        if softness > 0.15:
            moved = cv2.GaussianBlur(moved, (3, 3), softness)
        # One sheet of noise, cut at another place for each image, costs a tenth of fresh noise.
        start = int(random.integers(_NOISE))
        noisy = cv2.add(cv2.LUT(moved, table), noise[start : start + size], dtype=cv2.CV_8U)
        return np.asarray(noisy, dtype=np.uint8)

    return np.stack([changed(image) for image in images])
