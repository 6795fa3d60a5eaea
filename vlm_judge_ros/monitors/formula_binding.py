"""Nodes that look at windows of time: until and since, and with nothing on their left eventually and once.

Asked for one moment, the start of a period, a window covers whole periods. Asked for a whole period, it begins and ends
somewhere within the first and the last, so of these only what holds wherever that is counts.
"""

from __future__ import annotations

import math

import numpy as np

from vlm_judge_ros.monitors.formula_node import Node
from vlm_judge_ros.monitors.formula_window import Intervals, constant, onwards, sliding


class Binding(Node):
    """The right child within `width` positions, and from here to there the left one.

    Args:
        left: None where nothing has to hold meanwhile.
        right: what comes, or was.
        width: infinite for without an end.
    """

    def __init__(self, left: Node | None, right: Node, width: float) -> None:
        super().__init__(*((right,) if left is None else (left, right)))
        self._left, self._right, self._width = left, right, width

    def _values(self, first: int, last: int) -> tuple[Intervals | None, Intervals]:
        left = None if self._left is None else self._left.values(first, last)
        return left, self._right.values(first, last)

    def _tail(self) -> tuple[Intervals | None, Intervals]:
        return None if self._left is None else self._left.tail, self._right.tail

    def _update_tail(self) -> None:
        tail = self._right.tail
        self.tail = tail[[0, 3, 2, 3]] if self._width else tail


class Until(Binding):
    """The right child here or within `width` positions, and until then the left one.

    Asked for one position it folds what is decided into two numbers; asked for more it needs a width.
    """

    def __init__(self, left: Node | None, right: Node, width: float) -> None:
        super().__init__(left, right, width)
        self._children_reach = self.reach
        self._children_lag = self.lag
        self.lag += width
        self._folded = 0
        self._reached, self._passed = constant(-math.inf, rows=2), constant(math.inf, rows=2)

    def prepare(self) -> None:
        """Ask for the windows of all positions."""
        for child in self.children:
            child.ask(self.first, self.last + self._width)
        self.done = self._base = self._folded = self.first

    @property
    def folds(self) -> bool:
        """True where one position is asked for."""
        return self.first == self.last

    @property
    def bounded(self) -> bool:
        """False where it would have to remember more and more."""
        return self.folds or math.isfinite(self._width)

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
            return _windows(*self._values(first, last + int(self._width)), int(self._width))
        self._fold(min(child.done for child in self.children))
        end, limit = closed + self._children_reach, self.first + self._width
        value = self._reached
        if limit >= self._folded:
            rest = _stretches(*self._tail())[1] if limit > end else constant(-math.inf, rows=2)
            open_end = int(min(end, limit))
            if open_end >= self._folded:
                rest = onwards(*_stretches(*self._values(self._folded, open_end)), rest)[:, :1]
            value = np.maximum(value, np.minimum(self._passed, rest))
        return np.concatenate((value, value))

    def _fold(self, stop: int) -> None:
        end = int(min(stop - 1, self.first + self._width))
        if end >= self._folded:
            left, right = _stretches(*self._values(self._folded, end))
            here = sliding(left, right, right.shape[1])
            self._reached = np.maximum(self._reached, np.minimum(self._passed, here))
            if left is not None:
                self._passed = np.minimum(self._passed, left.min(axis=1, keepdims=True))
        self._folded = max(self._folded, stop)


class Since(Binding):
    """The right child here or at most `width` positions back, and since then the left one."""

    def __init__(self, left: Node | None, right: Node, width: float) -> None:
        super().__init__(left, right, width)
        if math.isfinite(width):
            self.reach += int(width)
        self._before = constant(-math.inf, rows=2)
        self._upto = np.empty((2, 0))
        self._upto_first = 0

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
            left, right = self._values(first - int(self._width), last)
            return _windows(None if left is None else left[:, ::-1], right[:, ::-1], int(self._width))[:, ::-1]
        left, right = self._values(first, last)
        stretch, found = _stretches(left, right)
        backwards = None if stretch is None else stretch[:, ::-1]
        self._upto = onwards(backwards, found[:, ::-1], self._before)[:, ::-1]
        self._upto_first = first
        return _onwards_within(left, right, np.concatenate((self._before, self._upto[:, :-1]), axis=1))

    def _update_tail(self) -> None:
        if math.isfinite(self._width):
            super()._update_tail()
        else:
            before = self._upto[:, -1:] if self._upto.shape[1] else self._before
            self.tail = _onwards_within(*self._tail(), before)

    def _decide(self, position: int) -> None:
        if math.isinf(self._width):
            at = position - 1 - self._upto_first
            self._before = self._upto[:, at : at + 1]
        super()._decide(position)


def _stretches(left: Intervals | None, right: Intervals) -> tuple[Intervals | None, Intervals]:
    """The pairs of whole periods, low and high: the right side at any moment of one, the left side throughout."""
    if left is None:
        return None, right[2:]
    # At its very start a period needs nothing of the left side.
    low = np.maximum(np.minimum(right[2], left[0]), right[0])
    return left[:2], np.stack((low, right[3]))


def _onwards_within(left: Intervals | None, right: Intervals, after: Intervals) -> Intervals:
    """What all moments of a period have, where `after` is what lies beyond it, low and high."""
    low, high = (after[0], after[1]) if left is None else (np.minimum(left[0], after[0]), np.minimum(left[3], after[1]))
    most = np.maximum(right[3], high)
    return np.stack((np.maximum(right[0], low), most, np.maximum(right[2], low), most))


def _windows(left: Intervals | None, right: Intervals, width: int) -> Intervals:
    """The right side within a width from any moment of a period on, and until then the left side."""
    if width == 0:
        return right
    count = right.shape[1] - width
    # The window ends somewhere within its last period, and reaches its start in any case.
    beyond = sliding(None if left is None else left[:1, 1:], right[:1, 1:], width)
    if width > 1:
        stretch, found = _stretches(left, right)
        inner = sliding(None if stretch is None else stretch[:1, 1:], found[:1, 1:], width - 1)
        beyond = np.maximum(beyond, inner[:, :count])
    high = sliding(None if left is None else left[1:2, 1:], right[3:, 1:], width)
    within = _onwards_within(
        None if left is None else left[:, :count], right[:, :count], np.concatenate((beyond, high))
    )
    if left is None:
        within[2] = np.maximum(within[2], right[2, width : width + count])
    return within
