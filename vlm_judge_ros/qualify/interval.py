"""The interval of a share of counted things."""

from __future__ import annotations

import math

_Z = 1.959963984540054


def share_interval(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share; unlike that of drawing anew it has a width where none or all were counted.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        count: how many were counted.
        total: of how many, at least 1.
    """
    share, z2 = count / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return max(0.0, middle - half), min(1.0, middle + half)
