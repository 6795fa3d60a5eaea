"""An image in the form that a vision graph takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """One image, resized, normalised and cut as the model's own processor would.

    Attributes:
        pixel_values: what the vision graph takes, without a batch axis: (patches, patch size) for the Qwen families,
            (tiles, 3, height, width) for Idefics3 and SmolVLM.
        grid: (1, rows, columns) in patches for the Qwen families; None where the graph takes none.
        rows: rows of image tokens.
        columns: image tokens in a row; `rows` times `columns` is what the image costs of the context.
    """

    pixel_values: NDArray[np.float32]
    grid: tuple[int, int, int] | None
    rows: int
    columns: int

    @property
    def token_count(self) -> int:
        """Image tokens that the image becomes."""
        return self.rows * self.columns
