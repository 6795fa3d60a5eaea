from __future__ import annotations

import itertools
import math
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from formula_reference import UNKNOWN, Interval, atoms, formulas, interval, windows
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.formula_graph import MOST_POSITIONS, Graph, build
from vlm_judge_ros.monitors.formula_parser import parse
from vlm_judge_ros.monitors.formula_state import robustness
from vlm_judge_ros.monitors.formula_syntax import (
    Binding,
    Comparison,
    Formula,
    Logic,
    Not,
    Temporal,
    Window,
)

LENGTH = 14
Signals = dict[str, list[float]]
values = st.integers(-4, 6).map(float)
counts = st.lists(st.integers(0, 3), min_size=1, max_size=8)
signals = st.fixed_dictionaries({name: st.lists(values, min_size=LENGTH, max_size=LENGTH) for name in "ab"})


def measured(formula: Formula, known: Signals, position: int) -> Interval:
    """The robustness of a part of one moment; unknown where the signals do not go so far."""
    names = sorted(known)
    if position >= len(known[names[0]]):
        return UNKNOWN
    value = robustness(formula, {name: place for place, name in enumerate(names)})([known[n][position] for n in names])
    return UNKNOWN if math.isnan(value) else (value, value)


def rows(intervals: list[Interval]) -> NDArray[np.float64]:
    """Periods in which the least and the largest value are the same."""
    pairs = np.array(intervals).reshape(-1, 2).T
    return np.concatenate((pairs, pairs))


def fed(graph: Graph, known: Signals, steps: list[int]) -> list[Interval]:
    """Give a graph the values of a signal a few at a time; return its interval after each step."""
    found, closed = [], 0
    for count in steps:
        for leaf in graph.leaves:
            given_now = [measured(leaf.formula, known, position) for position in range(closed, closed + count)]
            for node in leaf.nodes:
                node.give(rows(given_now), rows([UNKNOWN]))
        closed += count
        found.append(graph.update(closed))
    return found


def graph_of(formula: Formula) -> Graph:
    try:
        return build(formula, 1.0)
    except JudgeError:
        assume(False)
        raise


@settings(max_examples=150, deadline=None)
@given(
    formulas(longest=3, leaves=4),
    signals,
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    st.sets(st.integers(0, 2 * LENGTH)),
)
def test_intervals_are_those_of_the_definition(
    formula: Formula, known: Signals, steps: list[int], gaps: set[int]
) -> None:
    graph = graph_of(formula)
    for gap in gaps:
        known["ab"[gap % 2]][min(gap // 2, LENGTH - 1)] = math.nan
    steps = [count for count, total in zip(steps, itertools.accumulate(steps), strict=True) if total <= LENGTH]
    closed = 0
    for count, found in zip(steps, fed(graph, known, steps), strict=True):
        closed += count
        seen = {name: numbers[:closed] for name, numbers in known.items()}
        at = closed if graph.now else 0
        assert found == interval(
            formula, at, lambda part, position, seen=seen: measured(part, seen, position), closed + 30
        )


@settings(max_examples=50, deadline=None)
@given(formulas(), signals)
def test_intervals_only_ever_become_narrower(formula: Formula, known: Signals) -> None:
    graph = graph_of(formula)
    assume(not graph.now)
    found = fed(graph, known, [1] * LENGTH)
    for (low, high), (later_low, later_high) in itertools.pairwise(found):
        assert low <= later_low <= later_high <= high


@settings(max_examples=50, deadline=None)
@given(formulas(longest=2, endless=False, leaves=4), signals, st.integers(0, LENGTH - 1), st.data())
def test_no_continuation_leads_out_of_the_interval(
    formula: Formula, known: Signals, closed: int, data: st.DataObject
) -> None:
    graph = graph_of(formula)
    assume(not graph.now)
    low, high = fed(graph, known, [closed])[-1]
    more = st.lists(values, min_size=40, max_size=40)
    whole = {name: numbers[:closed] + data.draw(more) for name, numbers in known.items()}
    exact, same = interval(formula, 0, lambda part, position: measured(part, whole, position), 30)
    assert exact == same
    assert low <= exact <= high


@st.composite
def formulas_with_each_signal_once(draw: st.DrawFn) -> Formula:
    def dressed(part: Formula) -> Formula:
        for _ in range(draw(st.integers(0, 2))):
            operator = draw(st.sampled_from(("not", "always", "eventually", "historically", "once")))
            part = Not(part) if operator == "not" else Temporal(operator, draw(windows(2, endless=False)), part)  # type: ignore[arg-type]
        return part

    left, right = dressed(draw(atoms("a"))), dressed(draw(atoms("b")))
    operator = draw(st.sampled_from(("and", "or", "implies", "until", "since")))
    if operator in ("and", "or", "implies"):
        return dressed(Logic(operator, left, right))  # type: ignore[arg-type]
    return dressed(Binding(operator, draw(windows(2, endless=False)), left, right))  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(formulas_with_each_signal_once(), signals, st.integers(0, LENGTH - 1))
def test_the_ends_of_the_interval_are_reached_by_extreme_continuations(
    formula: Formula, known: Signals, closed: int
) -> None:
    graph = graph_of(formula)
    assume(not graph.now)
    low, high = fed(graph, known, [closed])[-1]
    # Each signal occurs once, so robustness rises or falls with all of its values.
    reached = []
    for extremes in itertools.product((-math.inf, math.inf), repeat=2):

        def state(part: Formula, position: int, extremes: tuple[float, ...] = extremes) -> Interval:
            if position < closed:
                return measured(part, known, position)
            whole = {name: [extreme] for name, extreme in zip("ab", extremes, strict=True)}
            value = _infinite(part, whole)
            return value, value

        reached.append(interval(formula, 0, state, 30)[0])
    assert (low, high) == (min(reached), max(reached))


def _infinite(part: Formula, whole: Signals) -> float:
    if isinstance(part, Not):
        return -_infinite(part.part, whole)
    if isinstance(part, Logic):
        left, right = _infinite(part.left, whole), _infinite(part.right, whole)
        return {"and": min(left, right), "or": max(left, right), "implies": max(-left, right)}[part.operator]
    value = whole["a" if "a " in str(part) else "b"][0]
    return value if ">" in str(part) else -value


STEPS = 4


@settings(max_examples=100, deadline=None)
@given(formulas(longest=2, endless=False, leaves=4, roomy=True), st.integers(0, 1000))
def test_what_is_certain_holds_whatever_the_order_within_a_period(formula: Formula, seed: int) -> None:
    formula = Temporal("eventually", Window(0.0, 2.0), formula)
    graph = graph_of(formula)
    assume(graph.decided_after < 12)
    drawn = np.random.default_rng(seed).uniform(-4, 6, (2, 12 * STEPS))
    known = {"a": list(drawn[0]), "b": list(drawn[1])}
    for leaf in graph.leaves:
        fine = np.array([measured(leaf.formula, known, position)[0] for position in range(12 * STEPS)])
        periods = fine.reshape(12, STEPS)
        least, largest = periods.min(axis=1), periods.max(axis=1)
        for node in leaf.nodes:
            node.give(np.stack((least, least, largest, largest)), rows([UNKNOWN]))
    low, high = graph.update(12)
    exact, _ = interval(_finer(formula), 0, lambda part, position: measured(part, known, position), 12 * STEPS - 1)
    assert low <= exact <= high


def _finer(part: Formula, first: float = 0.0, last: float = 0.0) -> Formula:
    """The same on a finer grid; what is asked of one moment alone has windows that end with their last period."""
    if isinstance(part, Comparison):
        return part
    if isinstance(part, Not):
        return Not(_finer(part.part, first, last))
    if isinstance(part, Logic):
        return Logic(part.operator, _finer(part.left, first, last), _finer(part.right, first, last))
    begin_s, end_s = part.window.begin_s, part.window.end_s
    forwards = part.operator in ("always", "eventually", "until")
    window = Window(begin_s * STEPS, end_s * STEPS + (STEPS - 1 if forwards and first == last else 0))
    asked = (first + begin_s, last + end_s) if forwards else (max(first - end_s, 0.0), max(last - begin_s, 0.0))
    if isinstance(part, Temporal):
        return Temporal(part.operator, window, _finer(part.part, *asked))
    meanwhile = (first, last + end_s) if forwards else (max(first - end_s, 0.0), last)
    return Binding(part.operator, window, _finer(part.left, *meanwhile), _finer(part.right, *asked))


@settings(max_examples=50, deadline=None)
@given(formulas())
def test_memory_stays_within_what_was_announced(formula: Formula) -> None:
    graph = graph_of(formula)
    most = 0
    for closed in range(1, 60):
        for leaf in graph.leaves:
            for node in leaf.nodes:
                node.give(np.zeros((4, 1)), rows([UNKNOWN]))
        graph.update(closed)
        most = max(most, sum(node._held.shape[1] for node in graph.nodes))
    assert most <= graph.positions


def test_a_formula_that_would_remember_more_and_more_is_refused() -> None:
    with pytest.raises(JudgeError, match="give the inner one a window"):
        build(parse("always (a > 1 implies eventually b > 1)"), 0.02)


def test_a_formula_that_would_remember_too_much_is_refused_with_the_number_and_the_remedy() -> None:
    with pytest.raises(JudgeError, match=rf"at most {MOST_POSITIONS} are kept, so set period_s to at least 0\.251"):
        build(parse("always (a > 1 implies eventually[0, 1000] b > 1)"), 0.02)


def test_what_is_asked_of_the_start_alone_is_not_remembered_for_ever() -> None:
    assert build(parse("a > 1 and always (a > 0) or eventually b > 3"), 0.02).positions < 40


def test_a_long_deadline_needs_no_memory() -> None:
    assert build(parse("eventually[0, 86400] a > 1"), 0.001).positions < 20


def test_a_time_between_two_points_of_the_grid_is_refused() -> None:
    with pytest.raises(JudgeError, match=r"a time of 0\.05 s, which is no multiple of period_s, 0\.02"):
        build(parse("always[0, 0.05] a > 1"), 0.02)


@pytest.mark.skipif(find_spec("rtamt") is None, reason="needs rtamt, which is not to be had for Python 3.13")
@settings(max_examples=100, deadline=None)
@given(formulas(longest=2, endless=False, leaves=4), st.data())
def test_rtamt_gives_the_same_robustness(formula: Formula, data: st.DataObject) -> None:
    import rtamt

    graph = graph_of(formula)
    length = 30
    numbers = st.lists(values, min_size=length, max_size=length)
    known = {name: data.draw(numbers) for name in "ab"}
    oracle: Any = rtamt.StlDiscreteTimeSpecification()
    for name in "ab":
        oracle.declare_var(name, "float")
    oracle.spec = f"out = {formula}"
    oracle.parse()
    theirs = [value for _, value in oracle.evaluate({"time": list(range(length)), **known})]
    if not graph.now:
        assume(graph.decided_after < length)
        assert fed(graph, known, [length])[-1] == (theirs[0], theirs[0])
        return
    for count in range(length):
        # The position that is being filled is asked for, so it is given.
        for leaf in graph.leaves:
            filling = rows([measured(leaf.formula, known, count)])
            closed = rows([measured(leaf.formula, known, count - 1)] if count else [])
            for node in leaf.nodes:
                node.give(closed, filling)
        low, high = graph.update(count)
        assert low == high == theirs[count]
