"""Reads ahead, so that what has been begun can be finished by other threads meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

MOST_ITEMS = 64
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Held(Generic[Item]):
    """An item, and the bytes that it holds."""

    item: Item
    size_bytes: int


def ahead(items: Iterator[Held[Item]]) -> Iterator[Item]:
    """The items in their order; up to `MOST_ITEMS` more, and of `MOST_BYTES` at most one more, are asked for before.

    Where asking for one raises, those before it are given first.
    """
    waiting: deque[Held[Item]] = deque()
    held_bytes = 0
    try:
        for held in items:
            waiting.append(held)
            held_bytes += held.size_bytes
            while len(waiting) > MOST_ITEMS or held_bytes > MOST_BYTES:
                held_bytes -= waiting[0].size_bytes
                yield waiting.popleft().item
    except GeneratorExit:
        raise
    except BaseException:
        while waiting:
            yield waiting.popleft().item
        raise
    while waiting:
        yield waiting.popleft().item
