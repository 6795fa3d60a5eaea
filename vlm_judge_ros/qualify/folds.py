"""Episodes in an order that depends on nothing but their keys, and cut into folds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

MOST_FOLDS = 10


def drawn_order(keys: Sequence[str]) -> list[int]:
    """Places of the keys in an order as if drawn: the same wherever they stand and whatever the episodes show."""
    return sorted(range(len(keys)), key=lambda place: hashlib.sha256(keys[place].encode()).digest())


def folds(keys: Sequence[str], groups: Sequence[int], most: int = MOST_FOLDS) -> list[list[int]]:
    """Cut places into folds of nearly equal size, with nearly the same share of each group.

    Args:
        keys: of the episodes, each once.
        groups: what each belongs to.
        most: how many folds at most; with fewer episodes each has a fold of its own.
    """
    order = sorted(drawn_order(keys), key=lambda place: groups[place])
    count = min(most, len(keys))
    return [sorted(order[first::count]) for first in range(count)]
