"""Any image encoder that somebody has as an ONNX file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.appearance.cells import in_cells
from vlm_judge_ros.models.appearance.encoder import Views
from vlm_judge_ros.models.appearance.image_form import config_file, image_form
from vlm_judge_ros.models.vlm.external_data import check_external_files, external_files
from vlm_judge_ros.models.vlm.file_hash import remembered_hashes

_NUMBERS = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(float16)": np.float16}
_REVISION = "cells-1"


class ImageGraphEncoder:
    """Runs a graph with one image input, each camera by itself; tokens and maps are averaged within coarse cells.

    The input may have the channels first or last; where their number is free they are first. uint8 takes the picture
    as it is; floats take it normalised as a `preprocessor_config.json` beside the file says, else as for ImageNet. An
    input whose size is free gets what that file says, else squares of 224 pixels. Of several outputs the first counts.

    Args:
        path: the ONNX file.
        threads: threads for one inference.

    Raises:
        ModelBroken: it cannot be read, or is no image encoder.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        # As it is kept in files that are read elsewhere.
        self._path = path.expanduser().resolve()
        if not self._path.is_file():
            raise ModelBroken(f"There is no encoder {path}; name an ONNX file that is there.")
        check_external_files(self._path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._graph = onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            raise ModelBroken(f"The encoder {path} cannot be loaded: {_cause(error)}; name another file.") from error
        inputs = self._graph.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        free = [not isinstance(side, int) for side in shape]
        if len(shape) != 4 or inputs[0].type not in _NUMBERS or not (3 in (shape[1], shape[3]) or free[1]):
            raise ModelBroken(
                f"The encoder {path} does not take one image of three channels; name a graph with one input of shape "
                "(batch, 3, height, width) or (batch, height, width, 3)."
            )
        self._input, self._kind = inputs[0].name, _NUMBERS[inputs[0].type]
        self._channels_first = shape[1] == 3 or shape[3] != 3
        height, width = shape[2:] if self._channels_first else shape[1:3]
        self._form = image_form(self._path, height, width)
        self._hash = self._hashed()
        # What it cannot do is said before anything is fitted.
        self._see(np.full((self._form.height, self._form.width, 3), 128, dtype=np.uint8))

    @property
    def name(self) -> str:
        """Its path, from the root."""
        return str(self._path)

    @property
    def file_hash(self) -> str:
        """Of the file, the weights beside it and the form of its pictures."""
        return self._hash

    def encode(self, moments: Sequence[Views]) -> NDArray[np.float32]:
        """Encode moments; the vector of each camera has length 1.

        Raises:
            ModelBroken: the runtime failed.
        """
        return np.stack([np.stack([self._see(image) for image in views.values()]) for views in moments])

    def _see(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        fed = self._form.raw(image) if self._kind is np.uint8 else self._form.normalised(image)
        if self._channels_first:
            fed = fed.transpose(2, 0, 1)
        try:
            seen = np.asarray(self._graph.run(None, {self._input: fed[None].astype(self._kind)})[0])
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            raise ModelBroken(f"The encoder {self._path} failed: {_cause(error)}; name another file.") from error
        if not 2 <= seen.ndim <= 4 or len(seen) != 1 or not np.issubdtype(seen.dtype, np.floating):
            raise ModelBroken(
                f"The first output of the encoder {self._path} has the shape {seen.shape} for one picture, which are "
                "no features; name a graph whose first output is (1, size), (1, tokens, size) or (1, size, rows, "
                "columns)."
            )
        if not np.isfinite(seen).all():
            raise ModelBroken(f"The encoder {self._path} gives numbers that are not finite; name another file.")
        return in_cells(seen[0])

    def _hashed(self) -> str:
        config = config_file(self._path)
        files = [self._path, *sorted(external_files(self._path)), *([config] if config is not None else [])]
        return hashlib.sha256("\n".join([_REVISION, *remembered_hashes(files)]).encode()).hexdigest()[:16]


def _cause(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
