"""How long a formula stays as it is whatever values come, as long as these have the signs that are expected.

Robustness is made of minima, maxima and opposites, so its sign is made of the signs of the leaves alone, and rises or
falls with each of them. So whether a formula holds need not be computed where it comes out the same with the best and
with the worst of the expected signs in all periods up to some later one.
"""

from __future__ import annotations

from collections.abc import Sequence

from vlm_judge_ros.monitors.formula_graph import Graph
from vlm_judge_ros.monitors.formula_leaf import LeafState
from vlm_judge_ros.monitors.formula_window import constant, unknown

_FAR, _NEAR = 128, 16


class Outlook:
    """Tells for a formula and its leaves whether what came can make a difference.

    Args:
        graph: the nodes of the formula.
        leaves: what is known of its leaves.
    """

    def __init__(self, graph: Graph, leaves: Sequence[LeafState]) -> None:
        self._graph, self._leaves = graph, leaves
        self._until = self._look_at = self._forget_at = 0

    def the_same(self, closed: int) -> bool:
        """Tell whether what is known of the period that is being filled changes nothing.

        Has to be asked wherever one of its leaves takes another sign or is not known, and at once where it begins.
        """
        # What is not known opens what was decided only where the formula speaks of now.
        if closed < self._until:
            blind = not self._graph.now
            for leaf in self._leaves:
                if not leaf.as_expected(blind):
                    self._until = 0
                    return False
            return True
        return False

    def look(self, closed: int, holds: bool | None) -> None:
        """Find out for how many periods the formula stays as it is.

        Args:
            closed: the period that is being filled, all before which the nodes have been given.
            holds: as it is now.
        """
        self._until = 0
        if closed < self._look_at:
            return
        self._look_at = closed + 1
        forget = closed >= self._forget_at
        if forget:
            self._forget_at = closed + _FAR
        for leaf in self._leaves:
            leaf.expect(forget)
        if self._find(closed, holds):
            return
        for leaf in self._leaves:
            leaf.expect_the_same()
        if not self._find(closed, holds):
            self._look_at = closed + _NEAR

    def _find(self, closed: int, holds: bool | None) -> bool:
        for count in (_FAR, _NEAR):
            if self._stays(closed, count, holds):
                self._until = closed + count
                return self.the_same(closed)
        return False

    def _stays(self, closed: int, count: int, holds: bool | None) -> bool:
        if holds is True:
            return self._extreme(closed, count, best=False)[0] > 0.0
        if holds is False:
            return self._extreme(closed, count, best=True)[3] < 0.0
        return self._extreme(closed, count, best=True)[1] <= 0.0 and self._extreme(closed, count, best=False)[2] >= 0.0

    def _extreme(self, closed: int, count: int, best: bool) -> tuple[float, float, float, float]:
        """The least and the largest of the lower ends of its intervals, and of the upper ones."""
        with self._graph.supposing():
            for leaf in self._leaves:
                least, largest = leaf.expected
                for node in leaf.nodes:
                    sign = float(largest if node.rising is best else least)
                    node.give(constant(sign, count), constant(sign) if self._graph.now else unknown())
            lows, highs = self._graph.outcomes(closed, closed + count)
        return float(lows.min()), float(lows.max()), float(highs.min()), float(highs.max())
