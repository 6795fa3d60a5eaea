"""The encoder of the embedded model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.appearance.encoder import EMBEDDED, Views
from vlm_judge_ros.models.two_view import EMBEDDED_FOLDER, TwoViewModel, prepare


class TwoViewEncoder:
    """Features of the embedded model, asked without an instruction. It takes its own two cameras only.

    Args:
        threads: threads for one inference.

    Raises:
        ModelBroken: the model cannot be loaded.
    """

    def __init__(self, threads: int = 1) -> None:
        self._model = TwoViewModel(EMBEDDED_FOLDER, threads)

    @property
    def name(self) -> str:
        """As `open_encoder` finds it."""
        return EMBEDDED

    @property
    def file_hash(self) -> str:
        """Of the graphs."""
        return self._model.file_hash

    def encode(self, moments: Sequence[Views]) -> NDArray[np.float32]:
        """Encode moments.

        Raises:
            JudgeError: one of its cameras is missing.
        """
        first, second = self._model.description.cameras
        if not all(first in views and second in views for views in moments):
            raise JudgeError(
                f"The encoder {EMBEDDED} needs the cameras {first} and {second}; name the cameras so, or use grids."
            )
        size_px = self._model.description.image_size_px
        pictures = [np.stack([prepare(views[role], size_px) for views in moments]) for role in (first, second)]
        return self._model.encode(pictures[0], pictures[1], "").features[:, None, :]
