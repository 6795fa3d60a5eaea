"""Random formulas, and their robustness computed the slow way, straight from the definition."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import strategies as st

from vlm_judge_ros.monitors.formula_state import is_state
from vlm_judge_ros.monitors.formula_syntax import Binding, Comparison, Formula, Logic, Not, Number, SignalName, Temporal
from vlm_judge_ros.monitors.formula_syntax import Window as TimeWindow

Interval = tuple[float, float]
UNKNOWN: Interval = (-math.inf, math.inf)


def windows(longest: int, endless: bool) -> st.SearchStrategy[TimeWindow]:
    bounded = st.tuples(st.integers(0, 3), st.integers(0, longest)).map(
        lambda pair: TimeWindow(float(pair[0]), float(sum(pair)))
    )
    without_end = st.integers(0, 2).map(lambda begin: TimeWindow(float(begin), math.inf))
    return st.one_of(bounded, without_end) if endless else bounded


def atoms(names: str = "ab") -> st.SearchStrategy[Formula]:
    limits = st.integers(0, 3).map(float)
    return st.builds(
        lambda operator, name, limit: Comparison(operator, SignalName(name), Number(limit)),
        st.sampled_from((">", "<")),
        st.sampled_from(names),
        limits,
    )


def formulas(
    longest: int = 4, endless: bool = True, leaves: int = 5, roomy: bool = False
) -> st.SearchStrategy[Formula]:
    window = windows(longest, endless)
    binding_window = window
    if roomy:
        # A window of no length is a whole period, and an until that begins later may be off by one at its seam.
        spans = st.integers(1, longest).map(float)
        window = st.builds(lambda begin, span: TimeWindow(begin, begin + span), st.integers(0, 1).map(float), spans)
        binding_window = spans.map(lambda span: TimeWindow(0.0, span))
    return st.recursive(
        atoms(),
        lambda part: st.one_of(
            st.builds(Not, part),
            st.builds(Logic, st.sampled_from(("and", "or", "implies")), part, part),
            st.builds(Temporal, st.sampled_from(("always", "eventually", "historically", "once")), window, part),
            st.builds(Binding, st.sampled_from(("until", "since")), binding_window, part, part),
        ),
        max_leaves=leaves,
    )


def interval(formula: Formula, at: int, state: Callable[[Formula, int], Interval], horizon: int) -> Interval:
    """Robustness at a position of a grid of one second, where `state` tells that of parts of one moment."""
    memory: dict[tuple[Formula, int], Interval] = {}

    def extreme(largest: bool, items: list[Interval]) -> Interval:
        choose, none = (max, -math.inf) if largest else (min, math.inf)
        return choose((low for low, _ in items), default=none), choose((high for _, high in items), default=none)

    def opposite(item: Interval) -> Interval:
        return -item[1], -item[0]

    def window_of(part: Temporal | Binding, position: int) -> range:
        begin, end = int(part.window.begin_s), part.window.end_s
        if part.operator in ("always", "eventually", "until"):
            return range(position + begin, int(min(position + end, max(horizon, position + begin))) + 1)
        return range(int(max(position - end, 0)), position - begin + 1)

    def find(part: Formula, position: int) -> Interval:
        if is_state(part):
            return state(part, position)
        if isinstance(part, Not):
            return opposite(value(part.part, position))
        if isinstance(part, Logic):
            left, right = value(part.left, position), value(part.right, position)
            return extreme(part.operator != "and", [opposite(left) if part.operator == "implies" else left, right])
        if isinstance(part, Temporal):
            largest = part.operator in ("eventually", "once")
            return extreme(largest, [value(part.part, there) for there in window_of(part, position)])
        assert isinstance(part, Binding)
        found = []
        for there in window_of(part, position):
            meanwhile = range(position, there) if part.operator == "until" else range(there + 1, position + 1)
            found.append(extreme(False, [value(part.right, there), *(value(part.left, here) for here in meanwhile)]))
        return extreme(True, found)

    def value(part: Formula, position: int) -> Interval:
        if (part, position) not in memory:
            memory[part, position] = find(part, position)
        return memory[part, position]

    return value(formula, at)
