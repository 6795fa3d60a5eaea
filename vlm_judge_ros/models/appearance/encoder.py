"""The protocol of image encoders, and how one is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError

Views: TypeAlias = Mapping[str, NDArray[np.uint8]]
"""The pictures of one moment: camera to RGB image of shape (height, width, 3)."""

GRIDS = "grids"
EMBEDDED = "embedded"


class AppearanceEncoder(Protocol):
    """Turns moments into vectors that lie near each other where the scenes look alike."""

    @property
    def name(self) -> str:
        """The name under which `open_encoder` finds it."""

    @property
    def file_hash(self) -> str:
        """First 16 hexadecimal digits of the hash of what it runs; another encoder has another."""

    def encode(self, moments: Sequence[Views]) -> NDArray[np.float32]:
        """Encode moments that all have the same cameras in the same order.

        Returns:
            Array of shape (moments, parts, size): a part for each camera, or one where it looks at all of them at once.

        Raises:
            JudgeError: the model failed, or does not take these cameras.
        """


def open_encoder(name: str, threads: int = 1) -> AppearanceEncoder:
    """Open an encoder.

    Args:
        name: `grids` for the one that needs no model, `embedded` for that of the embedded model, a file that ends in
            .onnx, or the folder of a vision-language model.
        threads: threads for one inference.

    Raises:
        JudgeError: there is none of this name, or it cannot be loaded.
    """
    # Imported here: the model runtimes are loaded only where they are asked for.
    if name == GRIDS:
        from vlm_judge_ros.models.appearance.grids import GridEncoder

        return GridEncoder()
    if name == EMBEDDED:
        from vlm_judge_ros.models.appearance.two_view import TwoViewEncoder

        return TwoViewEncoder(threads)
    if name.endswith(".onnx"):
        from vlm_judge_ros.models.appearance.image_graph import ImageGraphEncoder

        return ImageGraphEncoder(Path(name), threads)
    if Path(name).is_dir():
        from vlm_judge_ros.models.appearance.vision import VisionEncoder

        return VisionEncoder(Path(name), threads)
    raise JudgeError(
        f'There is no encoder "{name}"; name {GRIDS}, {EMBEDDED}, a file that ends in .onnx, or the folder of a '
        "vision-language model."
    )
