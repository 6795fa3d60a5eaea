"""An encoder without a model: coarse colours, and how edges run in each part of the picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.models.appearance.encoder import GRIDS, Views

_SIDE_PX = 64
_COLOUR_CELLS = 12
_EDGE_CELLS = 8
_ORIENTATIONS = 6
_EDGE_WEIGHT = 2.0
_FAINT = 8.0
_REVISION = "grids-1"


class GridEncoder:
    """Colours and histograms of oriented gradients (Dalal and Triggs 2005) on grids, for each camera.

    Each colour channel is brought to mean 0 and deviation 1 over the picture, so that brighter or tinted light changes
    little.
    """

    @property
    def name(self) -> str:
        """As `open_encoder` finds it."""
        return GRIDS

    @property
    def file_hash(self) -> str:
        """Changes with the way in which it computes."""
        return hashlib.sha256(_REVISION.encode()).hexdigest()[:16]

    def encode(self, moments: Sequence[Views]) -> NDArray[np.float32]:
        """Encode moments; each camera gives 816 numbers."""
        return np.stack([np.stack([_describe(image) for image in views.values()]) for views in moments])


def _describe(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(small, (0, 0), 0.8), dtype=np.float32)
    even = (soft - soft.mean(axis=(0, 1))) / (soft.std(axis=(0, 1)) + _FAINT)
    colours = cv2.resize(even, (_COLOUR_CELLS, _COLOUR_CELLS), interpolation=cv2.INTER_AREA)
    edges = _edges(even.mean(axis=2))
    parts = (colours / np.sqrt(colours.size), edges * (_EDGE_WEIGHT / np.sqrt(edges.size)))
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def _edges(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histogram of the directions of edges in each cell, shape (cells, cells, directions)."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    strength = np.hypot(across, down)
    bins = np.mod(np.arctan2(down, across), np.pi) / np.pi * _ORIENTATIONS
    # A direction between two bins counts for both, by its distance from each around the half circle.
    offsets = np.abs(bins[:, :, None] - np.arange(_ORIENTATIONS))
    weights = np.maximum(1.0 - np.minimum(offsets, _ORIENTATIONS - offsets), 0.0) * strength[:, :, None]
    cells = cv2.resize(weights.astype(np.float32), (_EDGE_CELLS, _EDGE_CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(cells / np.sqrt((cells**2).sum(axis=2, keepdims=True) + 0.1), dtype=np.float32)
