"""Isotonic regression: the step function that never falls and lies nearest to what is given.

Pool adjacent violators, Barlow, Bartholomew, Bremner and Brunk, "Statistical Inference under Order Restrictions", 1972;
for probabilities, Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
KDD 2002.
"""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.judges.calibration import PiecewiseLinear
from vlm_judge_ros.replay.labels.figure import Floats

_DECIMALS = 9


def fit_isotonic(scores: Floats, targets: Floats, weights: Floats) -> PiecewiseLinear:
    """Fit by weighted least squares; between the blocks of equal value straight lines.

    Args:
        scores: finite, at least one.
        targets: what each score stands for, 0 to 1.
        weights: of each, above 0.
    """
    places, index = np.unique(scores, return_inverse=True)
    total: Floats = np.bincount(index, weights).astype(np.float64)
    means = np.bincount(index, weights * targets) / total
    values = np.maximum.accumulate(np.clip(_pooled(means, total), 0.0, 1.0))
    if places.size == 1:
        places, values = np.array([places[0], places[0] + 1.0]), np.repeat(values, 2)
    # Of each block its ends are enough.
    inner = np.zeros(places.size, dtype=bool)
    inner[1:-1] = (values[1:-1] == values[:-2]) & (values[1:-1] == values[2:])
    return PiecewiseLinear(
        kind="piecewise_linear",
        scores=tuple(places[~inner].tolist()),
        values=tuple(np.round(values[~inner], _DECIMALS).tolist()),
    )


def _pooled(means: Floats, weights: Floats) -> Floats:
    """The values of the fit, one for each mean."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(means.tolist(), weights.tolist(), strict=True):
        count = 1
        while blocks and blocks[-1][0] >= value:
            before, weight_before, count_before = blocks.pop()
            value = (before * weight_before + value * weight) / (weight_before + weight)
            weight, count = weight + weight_before, count + count_before
        blocks.append((value, weight, count))
    return np.repeat([block[0] for block in blocks], [block[2] for block in blocks])
