"""What the answers of a server cost, told to whoever has asked a question of several of them."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one answer or several. NaN: not known, as where a server does not tell; never 0 for that.

    Attributes:
        input_tokens: tokens read, as the server counts them.
        output_tokens: tokens written, as the server counts them.
        money: in the currency of the prices of the server; NaN where it has none.
    """

    input_tokens: float = math.nan
    output_tokens: float = math.nan
    money: float = math.nan


class Bill:
    """What the answers to one question cost together; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._costs: list[Cost] = []

    def add(self, cost: Cost) -> None:
        """Enter an answer."""
        with self._lock:
            self._costs.append(cost)

    @property
    def total(self) -> Cost:
        """The sum; NaN where one of the answers does not tell, and where there was none."""
        with self._lock:
            costs = list(self._costs)
        if not costs:
            return Cost()
        return Cost(
            sum(cost.input_tokens for cost in costs),
            sum(cost.output_tokens for cost in costs),
            math.fsum(cost.money for cost in costs),
        )


_OPEN: ContextVar[Bill | None] = ContextVar("bill", default=None)


@contextlib.contextmanager
def billed() -> Iterator[Bill]:
    """Collect what the answers cost that are asked for in the block, and in threads that run in a copy of its context.

    A block inside another one has a bill of its own, and the outer one does not see it.
    """
    bill = Bill()
    token = _OPEN.set(bill)
    try:
        yield bill
    finally:
        _OPEN.reset(token)


def enter(cost: Cost) -> None:
    """Put an answer on the bill of the block that runs; nothing happens outside of one."""
    bill = _OPEN.get()
    if bill is not None:
        bill.add(cost)
