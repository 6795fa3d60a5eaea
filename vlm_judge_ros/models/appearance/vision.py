"""The vision encoder of a vision-language model, without the rest of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.models.appearance.cells import of_map, unit
from vlm_judge_ros.models.appearance.encoder import Views
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.graphs import Call
from vlm_judge_ros.models.vlm.placing import open_graph
from vlm_judge_ros.models.vlm.vision import VisionGraph

_IMAGE_TOKENS = 64
_REVISION = "cells-1"


class VisionEncoder:
    """Features of the image tokens, averaged within coarse cells of each picture; only the vision graph is loaded.

    Args:
        path: folder of the model.
        threads: threads for one inference.

    Raises:
        ModelBroken: the folder or its graph cannot be used.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        # As it is kept in files that are read elsewhere.
        self._path = path.expanduser().resolve()
        self._folder = open_folder(self._path)
        graph = open_graph(self._folder, "vision", ("cpu",), threads, _IMAGE_TOKENS)
        self._vision = VisionGraph(graph, len(self._folder.config.deepstack_indexes))

    @property
    def name(self) -> str:
        """Its folder, from the root."""
        return str(self._path)

    @property
    def file_hash(self) -> str:
        """Of the model's files, and of the way in which its features are taken."""
        return hashlib.sha256(f"{_REVISION}\n{self._folder.file_hash}".encode()).hexdigest()[:16]

    def encode(self, moments: Sequence[Views]) -> NDArray[np.float32]:
        """Encode moments; the vector of each camera has length 1.

        Raises:
            JudgeError: the runtime failed.
        """
        return np.stack([np.stack([self._see(image) for image in views.values()]) for views in moments])

    def _see(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        prepared = self._folder.prepare(image, _IMAGE_TOKENS)
        seen = self._vision.see(prepared, Call())
        features = np.asarray(seen.features, dtype=np.float32)
        if len(features) != seen.rows * seen.columns:
            return unit(features.mean(axis=0))
        return of_map(features.reshape(seen.rows, seen.columns, -1))
