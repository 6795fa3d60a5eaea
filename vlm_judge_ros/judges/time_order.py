"""How well values rise with time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def order_correlation(values: Sequence[float]) -> float:
    """Spearman's rank correlation of values with their place in the row, -1 to 1; equal values share a rank.

    NaN where there is no order: with fewer than two values, or only equal ones.
    """
    if len(set(values)) < 2:
        return math.nan
    given = np.asarray(values, np.float64)
    below = (given[:, None] > given).sum(axis=1)
    equal = (given[:, None] == given).sum(axis=1)
    ranks = below + (equal - 1) / 2.0
    return float(np.corrcoef(ranks, np.arange(len(given)))[0, 1])
