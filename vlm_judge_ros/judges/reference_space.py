"""The space in which moments are compared: what differs among references at the same point of the way counts little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_AXES = 32
_KEPT_VARIANCE = 0.98
_SHRINKAGE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Projects encoded moments, each part by itself.

    Attributes:
        mean: of the references' moments, shape (parts, size).
        basis: the axes of each part as columns, scaled by the inverse of what differs without meaning, shape
            (parts, size, axes); axes that a part lacks are zero.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    def project(self, encoded: NDArray[np.float32]) -> Floats:
        """Project encoded moments of shape (moments, parts, size) to (moments, parts, axes)."""
        return np.asarray(np.einsum("mps,psa->mpa", encoded - self.mean, self.basis), dtype=np.float64)


def fit_space(courses: Sequence[NDArray[np.float32]]) -> Space:
    """Fit principal axes, and whiten by the scatter between references at the same point (Hatch and others 2006).

    The points are matched by dynamic time warping. With one reference the scatter is that between neighbouring moments.

    Args:
        courses: what each reference looks like at even times, each of shape (positions, parts, size).
    """
    fitted = [_fit_part([course[:, part] for course in courses]) for part in range(courses[0].shape[1])]
    axes = max(basis.shape[1] for _, basis in fitted)
    bases = [np.pad(basis, ((0, 0), (0, axes - basis.shape[1]))) for _, basis in fitted]
    return Space(np.stack([mean for mean, _ in fitted]).astype(np.float32), np.stack(bases).astype(np.float32))


def _fit_part(courses: Sequence[NDArray[np.float32]]) -> tuple[Floats, Floats]:
    every = np.vstack(courses).astype(np.float64)
    mean = every.mean(axis=0)
    _, lengths, axes = np.linalg.svd(every - mean, full_matrices=False)
    shares = np.cumsum(lengths**2) / max(float((lengths**2).sum()), 1e-12)
    kept = min(_MOST_AXES, int(np.searchsorted(shares, _KEPT_VARIANCE)) + 1, len(lengths))
    principal = axes[:kept].T
    placed = [(course - mean) @ principal for course in courses]
    apart = _neighbours_apart(placed[0]) if len(placed) == 1 else _references_apart(placed)
    scatter = apart.T @ apart / len(apart) / 2.0
    average = max(float(np.trace(scatter)) / kept, 1e-12)
    scatter = (1.0 - _SHRINKAGE) * scatter + _SHRINKAGE * average * np.eye(kept)
    values, vectors = np.linalg.eigh(scatter)
    return mean, principal @ (vectors / np.sqrt(values))


def _neighbours_apart(course: Floats) -> Floats:
    return course[1:] - course[:-1]


def _references_apart(courses: Sequence[Floats]) -> Floats:
    apart = []
    for index, course in enumerate(courses):
        for other in courses[index + 1 :]:
            pairs = warp(course, other)
            apart.append(course[pairs[:, 0]] - other[pairs[:, 1]])
    return np.vstack(apart)


def warp(first: Floats, second: Floats) -> NDArray[np.int64]:
    """Match two courses by dynamic time warping (Sakoe and Chiba 1978).

    Args:
        first: shape (m, axes).
        second: shape (n, axes).

    Returns:
        Pairs of positions in order, both ends included, shape (pairs, 2).
    """
    cost = ((first[:, None, :] - second[None, :, :]) ** 2).sum(axis=2)
    # Lists, because single numbers are read from them several times as fast.
    rows = cost.tolist()
    total = [[math.inf] * (len(second) + 1) for _ in range(len(first) + 1)]
    total[0][0] = 0.0
    for i, row in enumerate(rows):
        above, below = total[i], total[i + 1]
        for j, here in enumerate(row):
            below[j + 1] = here + min(above[j], above[j + 1], below[j])
    i, j = len(first), len(second)
    pairs = []
    while i > 0 and j > 0:
        pairs.append((i - 1, j - 1))
        options = (total[i - 1][j - 1], total[i - 1][j], total[i][j - 1])
        best = options.index(min(options))
        i, j = i - (best != 2), j - (best != 1)
    return np.array(pairs[::-1])
