"""From a formula to the nodes that compute its robustness, and what they have to remember."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.formula_binding import Since, Until
from vlm_judge_ros.monitors.formula_node import Extreme, Leaf, Node, Not, Shift
from vlm_judge_ros.monitors.formula_state import is_state
from vlm_judge_ros.monitors.formula_syntax import Binding, Formula, Logic, Number, Temporal, Window, parts
from vlm_judge_ros.monitors.formula_syntax import Not as NotFormula
from vlm_judge_ros.monitors.formula_window import Intervals

MOST_POSITIONS = 20_000


@dataclass(frozen=True, slots=True)
class LeafPart:
    """A part of a formula that speaks of one moment.

    Attributes:
        formula: the part.
        nodes: take its values.
    """

    formula: Formula
    nodes: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The nodes of a formula.

    Attributes:
        now: it speaks of now and of what was, and is asked at every moment; else of the start of the episode.
        leaves: its parts that speak of one moment.
        nodes: all nodes, a tree, children first.
        root: the whole.
        positions: most positions that they remember together.
    """

    now: bool
    leaves: tuple[LeafPart, ...]
    nodes: tuple[Node, ...]
    root: Node
    positions: int

    @property
    def decided_after(self) -> float:
        """After how many positions the start of the episode is decided whatever comes; infinite for never for sure."""
        return self.root.lag

    def update(self, closed: int) -> tuple[float, float]:
        """Compute everything that the leaves' new values change, and return the interval of the whole.

        Of now it is that of the least value in the period that is being filled.
        """
        lows, highs = self.outcomes(closed, closed)
        self.root.drop(closed if self.now else 0)
        for node in self.nodes:
            wanted = node.wanted
            for child in node.children:
                child.drop(wanted)
        return float(lows[0]), float(highs[0])

    def outcomes(self, first: int, last: int) -> tuple[Intervals, Intervals]:
        """Compute everything up to the last of some positions; return both ends of the intervals of the whole.

        Of now they are those at each of the positions while it was being filled.
        """
        for node in self.nodes:
            node.update(last)
        found = self.root.values(first, last) if self.now else self.root.values(0, 0)
        return found[0], found[1 if self.now else 3]

    @contextmanager
    def supposing(self) -> Iterator[None]:
        """Take back in the end whatever the nodes were given meanwhile."""
        # Nodes replace their arrays and never change them, so to keep these is enough.
        kept = [vars(node).copy() for node in self.nodes]
        try:
            yield
        finally:
            for node, attributes in zip(self.nodes, kept, strict=True):
                vars(node).update(attributes)


def speaks_of_now(formula: Formula) -> bool:
    """Tell whether a formula has no operator that looks forwards."""
    forwards = ("always", "eventually", "until")
    return not any(isinstance(part, Temporal | Binding) and part.operator in forwards for part in parts(formula))


def build(formula: Formula, period_s: float) -> Graph:
    """Make the nodes of a formula.

    Args:
        formula: the formula.
        period_s: seconds from one position to the next.

    Raises:
        JudgeError: a time is no multiple of the period, or it would have to remember more and more, or too much.
    """
    builder = _Builder(period_s)
    root = builder.node(formula)
    now = speaks_of_now(formula)
    root.ask(0, math.inf if now else 0)
    for node in reversed(builder.nodes):
        if isinstance(node, Until) and not node.bounded:
            raise JudgeError(
                "The formula has always, eventually or until without an end inside another operator, which nothing "
                "that is bounded can remember; give the inner one a window in seconds, such as [0, 10]."
            )
        node.prepare()
    _tell_direction(root, True)
    positions = _positions(builder.nodes, root, now)
    if positions > MOST_POSITIONS:
        least_s = period_s * positions / MOST_POSITIONS
        raise JudgeError(
            f"The formula would remember {positions:.0f} moments; at most {MOST_POSITIONS} are kept, so set period_s "
            f"to at least {math.ceil(least_s * 1000) / 1000:g}, or make its windows shorter."
        )
    leaves = tuple(LeafPart(part, tuple(nodes)) for part, nodes in builder.leaves.items())
    return Graph(now, leaves, tuple(builder.nodes), root, int(positions))


def _tell_direction(node: Node, rising: bool) -> None:
    if isinstance(node, Leaf):
        node.rising = rising
    for child in node.children:
        _tell_direction(child, rising is not isinstance(node, Not))


def _positions(nodes: list[Node], root: Node, now: bool) -> float:
    kept = {root: 1.0 if now else math.inf}
    for node in nodes:
        kept.update((child, max(node.kept(child), 1.0)) for child in node.children)
    asked = (min(kept[node] + max(node.reach, 0) + 1, node.last - node.first + 1) for node in nodes)
    return sum(asked)


@dataclass
class _Builder:
    period_s: float
    nodes: list[Node] = field(default_factory=list)
    leaves: dict[Formula, list[Leaf]] = field(default_factory=dict)

    def node(self, formula: Formula) -> Node:
        """Make the node of a part."""
        if is_state(formula):
            return self._leaf(formula)
        if isinstance(formula, NotFormula):
            return self._not(self.node(formula.part))
        if isinstance(formula, Logic):
            implies = formula.operator == "implies"
            left = self.node(formula.left)
            right = self.node(formula.right)
            return self._add(Extreme(formula.operator != "and", self._not(left) if implies else left, right))
        if isinstance(formula, Temporal):
            every = formula.operator in ("always", "historically")
            part = self.node(formula.part)
            forwards = formula.operator in ("always", "eventually")
            found = self._within(forwards, None, self._not(part) if every else part, formula.window)
            return self._not(found) if every else found
        assert isinstance(formula, Binding)
        forwards = formula.operator == "until"
        left, right = self.node(formula.left), self.node(formula.right)
        found = self._within(forwards, left, right, formula.window)
        begin = self._count(formula.window.begin_s)
        if begin == 0:
            return found
        # What has to hold up to the window has a node of its own, so that all nodes make a tree.
        until_then = self._not(self.node(formula.left))
        broken = self._add((Until if forwards else Since)(None, until_then, begin - 1))
        return self._add(Extreme(False, self._not(broken), found))

    def _within(self, forwards: bool, left: Node | None, right: Node, window: Window) -> Node:
        begin, end = self._count(window.begin_s), self._count(window.end_s)
        found: Node = self._add((Until if forwards else Since)(left, right, end - begin))
        return self._add(Shift(found, int(begin) if forwards else -int(begin))) if begin else found

    def _leaf(self, formula: Formula) -> Node:
        # A node for each place where it stands: one that is asked for the start alone forgets all that follows.
        leaf = Leaf()
        self.leaves.setdefault(formula, []).append(leaf)
        return self._add(leaf)

    def _not(self, node: Node) -> Node:
        if not isinstance(node, Not):
            return self._add(Not(node))
        self.nodes.remove(node)
        return node.children[0]

    def _add(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    def _count(self, duration_s: float) -> float:
        if math.isinf(duration_s):
            return math.inf
        count = round(duration_s / self.period_s)
        if abs(count * self.period_s - duration_s) > 1e-6 * self.period_s:
            raise JudgeError(
                f"The formula has a time of {Number(duration_s)} s, which is no multiple of period_s, "
                f"{self.period_s:g}; change one of them."
            )
        return count
