"""Where TensorRT keeps what it built: an engine fits one model, one shape, one device and one TensorRT."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.models.cache import cache_folder
from vlm_judge_ros.models.vlm.board import ComputeCapability

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each input, by its name."""


@dataclass(frozen=True, slots=True)
class EngineKey:
    """What an engine belongs to; with another one of any of these it must not be used.

    Attributes:
        model_hash: of everything that decides what the model answers.
        shapes: of the inputs.
        device: name of the GPU.
        compute_capability: of the GPU.
        tensorrt: version of TensorRT.
        runtime: version of ONNX Runtime, which decides how the graph is divided into engines.
    """

    model_hash: str
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    device: str
    compute_capability: ComputeCapability
    tensorrt: str
    runtime: str

    @property
    def folder(self) -> Path:
        """Folder of the engine below that of all engines."""
        words = repr((self.shapes, self.runtime)).encode()
        shapes = hashlib.sha256(words).hexdigest()[:12]
        return Path(self.device_folder) / f"{_file_name(self.model_hash)}-{shapes}"

    @property
    def device_folder(self) -> str:
        """Folder of all engines of this device and TensorRT, where their common timing cache lies."""
        major, minor = self.compute_capability
        return f"{_file_name(self.device)}-sm_{major}{minor}-tensorrt-{_file_name(self.tensorrt)}"


def engines_folder() -> Path:
    """Folder of all engines, in the user's cache."""
    return cache_folder() / "engines"


def profile(shapes: Shapes) -> str:
    """Shapes as the TensorRT provider takes them: "pixel_values:256x1176,image_grid_thw:1x3"."""
    return ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in sorted(shapes.items()))


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text).strip("-.") or "unknown"
