"""Robustness of the parts of a formula, as intervals at the positions of a grid of time.

Every node holds, for positions that are still asked for, the interval in which its robustness lies whatever comes next
(Deshmukh and others, Robust online monitoring of signal temporal logic, 2017). Position `closed` is the one that is
being filled; of all later ones a leaf knows nothing. Positions before the start of the episode do not exist. Time is
counted in positions, and all but six kinds of nodes are written in terms of these: always is not eventually not.
"""

from __future__ import annotations

import math

import numpy as np

from vlm_judge_ros.monitors.formula_window import Intervals, constant, unknown


class Node:
    """A part of a formula.

    Attributes:
        children: the parts that it is made of.
        lag: a position is decided that many positions after it was filled; infinite where never for sure.
        reach: how many positions after the one that is being filled may be known; all later ones have the value `tail`.
        first: first position that is asked for.
        last: last position that is asked for; may be infinite.
        done: positions below are decided.
        tail: value of all positions after those that are held, shape (4, 1).
    """

    def __init__(self, *children: Node) -> None:
        self.children = children
        self.lag: float = max((child.lag for child in children), default=0)
        self.reach: int = max((child.reach for child in children), default=0)
        self.first: int = 0
        self.last: float = -1
        self.done = 0
        self.tail = unknown()
        self._base = 0
        self._held = np.empty((4, 0))

    def ask(self, first: int, last: float) -> None:
        """Tell which positions the one node that it is a child of asks for."""
        self.first, self.last = first, last

    def prepare(self) -> None:
        """Pass on to the children what is asked for; called once, after the parent."""
        for child in self.children:
            child.ask(self.first, self.last)
        self.done = self._base = self.first

    @property
    def complete(self) -> bool:
        """True once every position that is asked for is decided."""
        return self.done > self.last

    @property
    def wanted(self) -> float:
        """First position of the children that is still needed."""
        return math.inf if self.complete else self.done

    def kept(self, child: Node) -> float:
        """How many decided positions of a child it needs at most."""
        return self.lag

    def update(self, closed: int) -> None:
        """Compute what is not decided, once the children have."""
        last = min(self.last, closed + self.reach)
        if last >= self.done:
            computed = self._compute(self.done, int(last), closed)
            self._held = np.concatenate((self._held[:, : self.done - self._base], computed), axis=1)
        self._update_tail()
        decided = min(closed - self.lag, self.last + 1)
        if decided > self.done:
            self._decide(int(decided))

    def drop(self, position: float) -> None:
        """Forget all decided positions below one."""
        count = min(position, self.done, self._base + self._held.shape[1]) - self._base
        if count > 0:
            self._held = self._held[:, int(count) :]
            self._base += int(count)

    def values(self, first: int, last: int) -> Intervals:
        """Return the intervals from one position to another, both included; before the episode it never holds."""
        end = self._base + self._held.shape[1]
        if first >= self._base and last < end:
            return self._held[:, first - self._base : last + 1 - self._base]
        assert first < 0 or first >= self._base, "a position is asked for that was dropped"
        held = self._held[:, max(first - self._base, 0) : max(last + 1 - self._base, 0)]
        before = constant(-math.inf, max(min(0, last + 1) - first, 0))
        after = np.repeat(self.tail, max(last + 1 - max(end, first), 0), axis=1)
        return np.concatenate((before, held, after), axis=1)

    def _compute(self, first: int, last: int, closed: int) -> Intervals:
        raise NotImplementedError

    def _update_tail(self) -> None:
        raise NotImplementedError

    def _decide(self, position: int) -> None:
        self.done = position


class Leaf(Node):
    """A part that speaks of one moment; it is given its values.

    Attributes:
        rising: the robustness of the whole rises with its own, or stays; else it falls or stays.
    """

    rising = True

    def give(self, closed: Intervals, filling: Intervals) -> None:
        """Take the values of the positions that were closed just now, and what is known of the next one."""
        if self.done <= self.last:
            decided = self._held[:, : self.done - self._base]
            self._held = np.concatenate((decided, closed, filling), axis=1)
        self.done += closed.shape[1]
        if self.done > self.last:
            self._held = self._held[:, : max(int(self.last) + 1 - self._base, 0)]

    def prepare(self) -> None:
        """It has no children; it is given all positions from the start of the episode on."""

    def update(self, closed: int) -> None:
        """Nothing is computed."""


class Not(Node):
    """The opposite."""

    def _compute(self, first: int, last: int, closed: int) -> Intervals:
        return -self.children[0].values(first, last)[::-1]

    def _update_tail(self) -> None:
        self.tail = -self.children[0].tail[::-1]


class Extreme(Node):
    """The smaller, or the larger, of two."""

    def __init__(self, largest: bool, left: Node, right: Node) -> None:
        super().__init__(left, right)
        self._largest = largest

    def _compute(self, first: int, last: int, closed: int) -> Intervals:
        left, right = self.children
        return self._of(left.values(first, last), right.values(first, last))

    def _of(self, left: Intervals, right: Intervals) -> Intervals:
        return -_smaller(-left[::-1], -right[::-1])[::-1] if self._largest else _smaller(left, right)

    def _update_tail(self) -> None:
        left, right = self.children
        self.tail = self._of(left.tail, right.tail)


def _smaller(left: Intervals, right: Intervals) -> Intervals:
    smaller = np.minimum(left, right)
    # The largest values need not be of the same moment; with one of them goes at least the least of the other.
    smaller[2] = np.maximum(np.minimum(left[0], right[2]), np.minimum(left[2], right[0]))
    return smaller


class Shift(Node):
    """What will be, or was, a count of positions from here; it never was before the episode."""

    def __init__(self, child: Node, by: int) -> None:
        super().__init__(child)
        self._by = by
        self.lag += by
        self.reach -= by

    def prepare(self) -> None:
        """Ask for positions that lie elsewhere."""
        self.children[0].ask(max(self.first + self._by, 0), max(self.last + self._by, 0))
        self.done = self._base = self.first

    @property
    def wanted(self) -> float:
        """First position of the child that is still needed."""
        return math.inf if self.complete else self.done + self._by

    def kept(self, child: Node) -> float:
        """How many decided positions of the child it needs at most."""
        return max(self.lag - self._by, 0)

    def _compute(self, first: int, last: int, closed: int) -> Intervals:
        return self.children[0].values(first + self._by, last + self._by)

    def _update_tail(self) -> None:
        self.tail = self.children[0].tail
