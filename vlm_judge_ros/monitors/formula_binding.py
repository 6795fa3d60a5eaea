"""Nodes that look at windows of time: until and since, and with nothing on their left eventually and once."""

from __future__ import annotations

import math

import numpy as np

from vlm_judge_ros.monitors.formula_node import Node
from vlm_judge_ros.monitors.formula_window import Intervals, constant, onwards, sliding


class Until(Node):
    """The right child here or within `width` positions, and until then the left one.

    Args:
        left: None where nothing has to hold meanwhile.
        right: what comes.
        width: infinite for without an end.
    """

    def __init__(self, left: Node | None, right: Node, width: float) -> None:
        super().__init__(*((right,) if left is None else (left, right)))
        self._left, self._right, self._width = left, right, width
        self._children_reach = self.reach
        self._children_lag = self.lag
        self.lag += width
        self._folded = 0
        self._reached = self._passed = np.empty((2, 0))

    def prepare(self) -> None:
        """Ask for the windows of all positions."""
        for child in self.children:
            child.ask(self.first, self.last + self._width)
        self.done = self._base = self._folded = self.first
        if self.folds:
            count = int(self.last) - self.first + 1
            self._reached, self._passed = constant(-math.inf, count), constant(math.inf, count)

    @property
    def bounded(self) -> bool:
        """False where it would have to remember more and more."""
        return math.isfinite(self._width) or math.isfinite(self.last)

    @property
    def folds(self) -> bool:
        """True where decided positions of the children are folded into one number for each position asked for."""
        return self.first == self.last or math.isinf(self._width)

    @property
    def wanted(self) -> float:
        """First position of the children that is still needed."""
        if self.complete:
            return math.inf
        return self._folded if self.folds else self.done

    def kept(self, child: Node) -> float:
        """How many decided positions of a child it needs at most."""
        return self._children_lag if self.folds else self.lag

    def _compute(self, first: int, last: int, closed: int) -> Intervals:
        if not self.folds:
            return sliding(*self._values(first, last + int(self._width)), int(self._width) + 1)
        self._fold(min(child.done for child in self.children))
        end = max(closed + self._children_reach, last)
        limit = self.first + self._width
        if limit < self._folded:
            return self._reached
        open_end = int(min(end, limit))
        rest = self._right.tail if limit > open_end else constant(-math.inf)
        if open_end >= self._folded:
            rest = onwards(*self._values(self._folded, open_end), rest)
        count, folded = last - first + 1, self._folded - first
        value = np.maximum(self._reached[:, :count], np.minimum(self._passed[:, :count], rest[:, :1]))
        # Where nothing is folded yet there is only the rest.
        value[:, folded:] = rest[:, : max(count - folded, 0)]
        return value

    def _fold(self, stop: int) -> None:
        if self.first == self.last:
            end = int(min(stop - 1, self.first + self._width))
            if end >= self._folded:
                left, right = self._values(self._folded, end)
                here = sliding(left, right, right.shape[1])
                self._reached = np.maximum(self._reached, np.minimum(self._passed, here))
                if left is not None:
                    self._passed = np.minimum(self._passed, left.min(axis=1, keepdims=True))
            self._folded = max(self._folded, stop)
            return
        for position in range(self._folded, stop):
            count = min(position, int(self.last)) - self.first + 1
            left, right = self._values(position, position)
            here = np.minimum(self._passed[:, :count], right)
            self._reached[:, :count] = np.maximum(self._reached[:, :count], here)
            if left is not None:
                self._passed[:, :count] = np.minimum(self._passed[:, :count], left)
        self._folded = max(self._folded, stop)

    def _values(self, first: int, last: int) -> tuple[Intervals | None, Intervals]:
        left = None if self._left is None else self._left.values(first, last)
        return left, self._right.values(first, last)

    def _update_tail(self) -> None:
        self.tail = self._right.tail


class Since(Node):
    """The right child here or at most `width` positions back, and since then the left one.

    Args:
        left: None where nothing has to hold since.
        right: what was.
        width: infinite for back to the start of the episode.
    """

    def __init__(self, left: Node | None, right: Node, width: float) -> None:
        super().__init__(*((right,) if left is None else (left, right)))
        self._left, self._right, self._width = left, right, width
        if math.isfinite(width):
            self.reach += int(width)
        self._before = constant(-math.inf)

    def prepare(self) -> None:
        """Ask for the windows of all positions."""
        if math.isinf(self._width):
            self.first = 0
        first = max(self.first - self._width, 0)
        for child in self.children:
            child.ask(int(first), self.last)
        self.done = self._base = self.first

    @property
    def wanted(self) -> float:
        """First position of the children that is still needed."""
        if self.complete:
            return math.inf
        return self.done - self._width if math.isfinite(self._width) else self.done

    def kept(self, child: Node) -> float:
        """How many decided positions of a child it needs at most."""
        return self.lag + self._width if math.isfinite(self._width) else self.lag

    def _compute(self, first: int, last: int, closed: int) -> Intervals:
        # Time read backwards makes it an until.
        if math.isfinite(self._width):
            left, right = self._backwards(first - int(self._width), last)
            return sliding(left, right, int(self._width) + 1)[:, ::-1]
        return onwards(*self._backwards(first, last), self._before)[:, ::-1]

    def _backwards(self, first: int, last: int) -> tuple[Intervals | None, Intervals]:
        left = None if self._left is None else self._left.values(first, last)[:, ::-1]
        return left, self._right.values(first, last)[:, ::-1]

    def _update_tail(self) -> None:
        self.tail = self._right.tail
        if math.isinf(self._width):
            before = self._held[:, -1:] if self._held.shape[1] else self._before
            left = constant(math.inf) if self._left is None else self._left.tail
            self.tail = np.maximum(self._right.tail, np.minimum(left, before))

    def _decide(self, position: int) -> None:
        if math.isinf(self._width):
            self._before = self.values(position - 1, position - 1)
        super()._decide(position)
