"""What is known of a part of a formula in each period, and maxima of that over windows of time.

Within a period robustness changes, and what comes next is open, so a period has four numbers: bounds of the least value
within it, and bounds of the largest. Arrays have the shape (4, periods), in this order, and (2, periods) where there is
but one value.

`until` over a window is a maximum of minima. Over one stretch of time it is a pair: what the right side gave by itself,
and the least of the left side, through which everything after the stretch has to pass. Two pairs that follow each other
make one, in any grouping, so windows of all periods come from pairs of doubled length.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Intervals = NDArray[np.float64]
UNKNOWN = np.array([[-math.inf], [math.inf], [-math.inf], [math.inf]])


def constant(value: float, count: int = 1, rows: int = 4) -> Intervals:
    """Return the same number, known, in each of a count of periods."""
    return np.full((rows, count), value)


def unknown(count: int = 1) -> Intervals:
    """Return what is known of a count of periods of which nothing is."""
    return np.repeat(UNKNOWN, count, axis=1)


def sliding(left: Intervals | None, right: Intervals, width: int) -> Intervals:
    """Return `left until right` over each window of a width in positions, at the first position of the window.

    Args:
        left: as many positions as `right`; None where nothing has to hold meanwhile, and the maximum is left.
        right: n positions.
        width: 1 to n.

    Returns:
        n - width + 1 positions.
    """
    if left is None:
        return _sliding_maximum(right, width)
    count = right.shape[1] - width + 1
    rows = right.shape[0]
    reached, passed = constant(-math.inf, count, rows), constant(math.inf, count, rows)
    covered, span = 0, 1
    while True:
        if width & span:
            block = slice(covered, covered + count)
            reached = np.maximum(reached, np.minimum(passed, right[:, block]))
            passed = np.minimum(passed, left[:, block])
            covered += span
        if covered == width:
            return reached
        right = np.maximum(right[:, :-span], np.minimum(left[:, :-span], right[:, span:]))
        left = np.minimum(left[:, :-span], left[:, span:])
        span *= 2


def _sliding_maximum(values: Intervals, width: int) -> Intervals:
    if values.shape[1] == width:
        largest: Intervals = values.max(axis=1, keepdims=True)
        return largest
    span = 1
    while 2 * span <= width:
        values = np.maximum(values[:, :-span], values[:, span:])
        span *= 2
    rest = width - span
    return np.maximum(values[:, : values.shape[1] - rest], values[:, rest:]) if rest else values


def onwards(left: Intervals | None, right: Intervals, after: Intervals) -> Intervals:
    """Return `left until right` from each position on without an end.

    Args:
        left: as many positions as `right`; None where nothing has to hold meanwhile.
        right: n positions.
        after: value at the position that follows the last.

    Returns:
        n positions.
    """
    if left is None:
        largest: Intervals = np.maximum(np.maximum.accumulate(right[:, ::-1], axis=1)[:, ::-1], after)
        return largest
    right, left = right.copy(), left.copy()
    span = 1
    while span < right.shape[1]:
        right[:, :-span] = np.maximum(right[:, :-span], np.minimum(left[:, :-span], right[:, span:]))
        left[:, :-span] = np.minimum(left[:, :-span], left[:, span:])
        span *= 2
    return np.maximum(right, np.minimum(left, after))
