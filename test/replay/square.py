"""Looks at the pictures of `EpisodeBag`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def square_place(rgb: NDArray[np.uint8]) -> float:
    """How far the square has moved to the right, 0 to 100."""
    row = rgb[60].astype(int)
    columns = (row[:, 0] - row[:, 2] > 60).nonzero()[0]
    return min(100.0, max(0.0, float(columns[0]) - 10.0))
