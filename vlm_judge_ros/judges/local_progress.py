"""How far a moment is, read from the moments of the references around the same point of the way.

A filter over positions tells well about where an episode is, and hardly anything about two pictures of nearly the same
moment: it can only name positions that there are. Between them a line is fitted here, locally weighted regression
(Cleveland 1979) with the penalty of ridge regression (Hoerl and Kennard 1970): what grows as references get on, counts.
"""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.judges.alignment import Floats

_WINDOW = 0.25
_PENALTY = 0.3
_FEWEST = 3
_STRAYING = 0.2


def local_progress(point: Floats, points: Floats, shares: Floats, around: float) -> float:
    """Share of the way, 0 to 1, by a line through the moments of the references near one share of it.

    Args:
        point: the look, shape (axes,).
        points: the references' moments in the same space, shape (moments, axes).
        shares: share of the way at each of them, 0 to 1, shape (moments,).
        around: share of the way near which the look is, 0 to 1; the answer lies within the window around it.
    """
    near = np.abs(shares - around) <= _WINDOW
    if np.count_nonzero(near) < _FEWEST:
        return around
    seen, told = points[near], shares[near]
    centre, middle = seen.mean(axis=0), float(told.mean())
    seen = seen - centre
    scatter = seen.T @ seen
    penalty = max(_PENALTY * float(np.trace(scatter)) / len(scatter), 1e-12)
    line = np.linalg.solve(scatter + penalty * np.eye(len(scatter)), seen.T @ (told - middle))
    progress = middle + float((point - centre) @ line)
    return float(np.clip(progress, max(0.0, around - _WINDOW), min(1.0, around + _WINDOW)))


def way_back(distance: float, usual: float) -> float:
    """Share of the way that it costs to lie beside all references; what successes do costs nothing.

    Args:
        distance: of the look from the nearest moment of the references.
        usual: that distance which looks at successes seldom exceed, above 0.
    """
    return _STRAYING * max(0.0, distance / usual - 1.0)
