"""A logistic curve through labelled scores.

Platt, "Probabilistic outputs for support vector machines", 1999, with the Newton steps of Lin, Lin and Weng, "A note on
Platt's probabilistic outputs for support vector machines", Machine Learning 68, 2007.
"""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.judges.calibration import Logistic
from vlm_judge_ros.replay.labels.figure import Floats

_MOST_STEPS = 100
_CONVERGED = 1e-10
# Keeps the slope finite where the scores divide the targets without a fault.
_RIDGE = 1e-9
_SMALLEST_SLOPE = 1e-6


def smoothed_targets(complete: Floats, weights: Floats) -> Floats:
    """Platt's targets: not quite 0 and 1, the less so the fewer there are of a kind.

    Args:
        complete: 1 where it is so, 0 where it is not.
        weights: of each; what adds up to one counts as one.
    """
    positive = float(weights @ complete)
    negative = float(weights.sum()) - positive
    targets: Floats = np.where(complete > 0.5, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    return targets


def fit_logistic(scores: Floats, targets: Floats, weights: Floats) -> Logistic | None:
    """Fit by the largest weighted likelihood; None where the targets do not rise with the scores.

    Args:
        scores: finite, at least one.
        targets: shares or probabilities, 0 to 1.
        weights: of each, above 0.
    """
    middle, spread = float(np.average(scores, weights=weights)), float(np.std(scores))
    if spread <= 1e-12 * (1.0 + abs(middle)):
        return None
    x = (scores - middle) / spread
    share = float(np.clip(np.average(targets, weights=weights), 1e-6, 1.0 - 1e-6))
    slope, offset = 0.0, float(np.log(share / (1.0 - share)))
    loss = _loss(slope * x + offset, targets, weights) + _RIDGE * slope**2
    for _ in range(_MOST_STEPS):
        p = _logistic(slope * x + offset)
        error, curve = weights * (p - targets), weights * p * (1.0 - p)
        gradient = np.array([error @ x + 2 * _RIDGE * slope, error.sum()])
        if float(np.abs(gradient).max()) < _CONVERGED * float(weights.sum()):
            break
        cross = float(curve @ x)
        hessian = np.array([[curve @ (x * x) + 2 * _RIDGE, cross], [cross, curve.sum()]]) + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-8:
            new_slope, new_offset = slope - size * float(step[0]), offset - size * float(step[1])
            new_loss = _loss(new_slope * x + new_offset, targets, weights) + _RIDGE * new_slope**2
            if new_loss <= loss - 1e-4 * size * float(gradient @ step):
                break
            size /= 2.0
        else:
            break
        slope, offset, loss = new_slope, new_offset, new_loss
    if slope < _SMALLEST_SLOPE:
        return None
    return Logistic(kind="logistic", slope=slope / spread, midpoint=middle - offset * spread / slope)


def _logistic(z: Floats) -> Floats:
    values: Floats = 0.5 * (1.0 + np.tanh(0.5 * z))
    return values


def _loss(z: Floats, targets: Floats, weights: Floats) -> float:
    return float(weights @ (np.logaddexp(0.0, z) - targets * z))
