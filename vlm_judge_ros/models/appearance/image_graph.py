"""Any image encoder that somebody has as an ONNX file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.appearance.encoder import Views

_USUAL_SIDE_PX = 224
# Mean and deviation of the colours of ImageNet, which most published encoders were trained with.
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32)
_NUMBERS = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(float16)": np.float16}


class ImageGraphEncoder:
    """Runs a graph with one image input, each camera by itself; what has rows or tokens is averaged over them.

    The input may have the channels first or last. uint8 takes the picture as it is; floats take it normalised as for
    ImageNet. An input whose size is free gets squares of 224 pixels.

    Args:
        path: the ONNX file.
        threads: threads for one inference.

    Raises:
        ModelBroken: it cannot be read, or is no image encoder.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            content = path.read_bytes()
            self._graph = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelBroken(f"The encoder {path} cannot be loaded: {reason}; name another file.") from error
        self._path = path
        self._hash = hashlib.sha256(content).hexdigest()[:16]
        inputs = self._graph.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 4 or 3 not in (shape[1], shape[3]) or inputs[0].type not in _NUMBERS:
            raise ModelBroken(
                f"The encoder {path} does not take one image of three channels; name a graph with one input of shape "
                "(batch, 3, height, width) or (batch, height, width, 3)."
            )
        self._input, self._kind = inputs[0].name, _NUMBERS[inputs[0].type]
        self._channels_first = shape[1] == 3
        height, width = shape[2:] if self._channels_first else shape[1:3]
        self._size = tuple(side if isinstance(side, int) else _USUAL_SIDE_PX for side in (width, height))

    @property
    def name(self) -> str:
        """Its path."""
        return str(self._path)

    @property
    def file_hash(self) -> str:
        """Of the file."""
        return self._hash

    def encode(self, moments: Sequence[Views]) -> NDArray[np.float32]:
        """Encode moments; the vector of each camera has length 1.

        Raises:
            ModelBroken: the runtime failed.
        """
        return np.stack([np.stack([self._see(image) for image in views.values()]) for views in moments])

    def _see(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        picture = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        fed = picture if self._kind is np.uint8 else (picture.astype(np.float32) / 255.0 - _MEAN) / _DEVIATION
        if self._channels_first:
            fed = fed.transpose(2, 0, 1)
        try:
            seen = np.asarray(self._graph.run(None, {self._input: fed[None].astype(self._kind)})[0], dtype=np.float32)
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelBroken(f"The encoder {self._path} failed: {reason}; name another file.") from error
        return averaged(seen[0])


def averaged(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average features over tokens, or over the rows and columns of maps, and bring the vector to length 1.

    Args:
        seen: shape (size,), (tokens, size) or (size, rows, columns).
    """
    mean = seen if seen.ndim == 1 else seen.mean(axis=(1, 2)) if seen.ndim == 3 else seen.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)
