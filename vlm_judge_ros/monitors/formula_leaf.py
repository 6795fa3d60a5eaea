"""What the messages of a period say of a part of a formula that speaks of one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from vlm_judge_ros.monitors.formula_graph import LeafPart
from vlm_judge_ros.monitors.formula_state import robustness
from vlm_judge_ros.monitors.formula_syntax import signals_of
from vlm_judge_ros.monitors.formula_window import Intervals

_NONE = (2, -2)


class LeafState:
    """What is known of one leaf in the period that is being filled, and in those that were not given to its nodes yet.

    Attributes:
        expected: smallest and largest sign of the values that are expected; the smaller comes last where none is.
    """

    __slots__ = (
        "_newest",
        "_seen",
        "at_start",
        "before",
        "blind",
        "expected",
        "largest",
        "least",
        "measure",
        "nodes",
        "pending",
        "signals",
    )

    def __init__(self, part: LeafPart, places: Mapping[str, int]) -> None:
        self.nodes = part.nodes
        self.signals = signals_of(part.formula)
        self.measure = robustness(part.formula, places)
        self.pending: list[tuple[float, float, float, float]] = []
        self.expected = self._seen = self._newest = _NONE
        self.open(math.nan)

    def open(self, before: float) -> None:
        """Begin a period, which the value of before reaches into unless there is one of its very start."""
        self.before = before
        self.at_start = False
        self.blind = False
        self.least, self.largest = math.inf, -math.inf

    def fold(self, value: float) -> bool:
        """Take a value; True where it may decide something that was open."""
        urgent = False
        if value < self.least:
            # On the side of 0 on which the value of before was nothing is new.
            known = self.least if self.at_start else min(self.least, self.before)
            urgent = value < 0.0 <= known or value <= 0.0 < known
            self.least = value
        if value > self.largest:
            known = self.largest if self.at_start else max(self.largest, self.before)
            urgent |= value > 0.0 >= known or value >= 0.0 > known
            self.largest = value
        if value != value and not self.blind:
            self.blind = urgent = True
        return urgent

    def close(self) -> None:
        """Keep what is known of the period, now that all of it has been seen."""
        column = self._known(True, True)
        self.pending.append(column)
        self._newest = _signs(column[1], column[2])
        if self._newest != self._seen:
            self._seen = _both(self._seen, self._newest)

    def take(self) -> Intervals:
        """Return what is known of the closed periods that were not taken yet."""
        taken = np.array(self.pending).reshape(-1, 4).T
        self.pending.clear()
        return taken

    def filling(self, closed: bool, begun: bool) -> Intervals:
        """Return what is known of the period that is being filled.

        Args:
            closed: it is taken for whole; else the rest may bring anything.
            begun: some of it has passed, so what was before reached into it.
        """
        return np.array(self._known(closed, begun)).reshape(4, 1)

    def expect(self, forget: bool) -> None:
        """Expect the signs that came since this was called last, and unless they are forgotten those expected then."""
        self.expected = self._seen if forget else _both(self.expected, self._seen)
        self._seen = _NONE

    def expect_the_same(self) -> None:
        """Expect the signs of the period that was closed last."""
        self.expected = self._newest

    def as_expected(self, blind: bool) -> bool:
        """Tell whether the signs of the period that is being filled are expected, and if not `blind` all is known."""
        low, least, largest, _ = self._known(True, True)
        if low == -math.inf and not blind:
            return False
        signs = _signs(least, largest)
        return signs[0] >= self.expected[0] and signs[1] <= self.expected[1]

    def _known(self, closed: bool, begun: bool) -> tuple[float, float, float, float]:
        least, largest, blind = self.least, self.largest, self.blind
        if begun and not self.at_start:
            before = self.before
            if before != before:
                blind = True
            else:
                least, largest = min(least, before), max(largest, before)
        if closed and not blind and least <= largest:
            return least, least, largest, largest
        return -math.inf, least, largest, math.inf


def _signs(least: float, largest: float) -> tuple[int, int]:
    if least > largest:
        return _NONE
    return (least > 0.0) - (least < 0.0), (largest > 0.0) - (largest < 0.0)


def _both(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    return min(first[0], second[0]), max(first[1], second[1])
