"""Numbers that may not be known: NaN in what is computed with and in messages, None in records and files."""

from __future__ import annotations

import math


def known(value: float) -> float | None:
    """Return a number, or None where it is NaN or infinite."""
    return value if math.isfinite(value) else None


def or_nan(value: float | None) -> float:
    """Return a number, or NaN where it is None."""
    return math.nan if value is None else value
