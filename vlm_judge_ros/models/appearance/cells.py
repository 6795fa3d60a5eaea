"""From the features of a picture to one vector that still tells where in the picture something is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

CELLS = 4
"""Features are averaged within so many rows and columns. Over the whole picture little is left of where the hand is:
with a random ViT a toy task that was done then counted as three quarters done."""

# Tokens before those of the picture: a class token, and registers in some models.
_MOST_OTHER_TOKENS = 8


def in_cells(seen: NDArray[Any]) -> NDArray[np.float32]:
    """Average features within coarse cells of the picture, and bring the vector to length 1.

    Args:
        seen: shape (size,); (size, rows, columns); or (tokens, size) of a square picture, row by row, the last of them.
            Tokens that make no square are averaged over the whole picture.
    """
    if seen.ndim == 2:
        side = math.isqrt(len(seen))
        if len(seen) - side * side > _MOST_OTHER_TOKENS:
            return unit(seen.mean(axis=0))
        seen = seen[len(seen) - side * side :].reshape(side, side, -1)
    elif seen.ndim == 3:
        seen = seen.transpose(1, 2, 0)
    else:
        return unit(seen)
    return of_map(seen)


def of_map(seen: NDArray[Any]) -> NDArray[np.float32]:
    """The same of features of shape (rows, columns, size); always so many cells, so that cameras have equal vectors."""
    rows, columns = (_cells_of(length) for length in seen.shape[:2])
    return unit(np.concatenate([seen[row, column].mean(axis=(0, 1)) for row in rows for column in columns]))


def _cells_of(length: int) -> list[slice]:
    """Where the cells of so many rows or columns begin and end; they overlap where that cannot be divided."""
    return [slice(cell * length // CELLS, -(-(cell + 1) * length // CELLS)) for cell in range(CELLS)]


def unit(vector: NDArray[Any]) -> NDArray[np.float32]:
    """The vector at length 1; one of zeros stays."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), dtype=np.float32)
