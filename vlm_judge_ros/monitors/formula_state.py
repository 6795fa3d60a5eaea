"""The parts of a formula that speak of one moment only: how far values are from breaking them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from vlm_judge_ros.monitors.formula_syntax import (
    Absolute,
    Binding,
    Comparison,
    Formula,
    Logic,
    Negative,
    Not,
    Number,
    SignalName,
    Temporal,
    Term,
    parts,
)

Measure = Callable[[list[float]], float]
"""From the values of all signals to a number."""


def is_state(formula: Formula) -> bool:
    """Tell whether a formula speaks of one moment only."""
    return not any(isinstance(part, Temporal | Binding) for part in parts(formula))


def robustness(formula: Formula, places: Mapping[str, int]) -> Measure:
    """Return how far from its limit a formula of one moment is: above 0 where it holds, below 0 where it does not.

    Args:
        formula: one for which `is_state` is true.
        places: where in the list of values each signal is.
    """
    measure = _formula(formula, places)

    def finite(values: list[float]) -> float:
        try:
            measured = measure(values)
        except ZeroDivisionError:
            return math.nan
        return measured if math.isfinite(measured) else math.nan

    return finite


def _formula(formula: Formula, places: Mapping[str, int]) -> Measure:
    if isinstance(formula, Comparison):
        above = formula.operator in (">", ">=")
        high, low = (formula.left, formula.right) if above else (formula.right, formula.left)
        if isinstance(low, Number) and isinstance(high, SignalName):
            limit, place = low.value, places[high.name]
            return lambda values: values[place] - limit
        if isinstance(high, Number) and isinstance(low, SignalName):
            limit, place = high.value, places[low.name]
            return lambda values: limit - values[place]
        more, less = _term(high, places), _term(low, places)
        return lambda values: more(values) - less(values)
    if isinstance(formula, Not):
        part = _formula(formula.part, places)
        return lambda values: -part(values)
    if isinstance(formula, Logic):
        left, right = _formula(formula.left, places), _formula(formula.right, places)
        if formula.operator == "and":
            return lambda values: _both(left(values), right(values))
        if formula.operator == "or":
            return lambda values: -_both(-left(values), -right(values))
        return lambda values: -_both(left(values), -right(values))
    raise TypeError(f"{formula} speaks of more than one moment")


def _both(left: float, right: float) -> float:
    # Unlike min, NaN wins whichever side it is on: what cannot be computed is not known.
    return math.nan if left != left or right != right else min(left, right)


def _term(term: Term, places: Mapping[str, int]) -> Measure:
    if isinstance(term, Number):
        value = term.value
        return lambda values: value
    if isinstance(term, SignalName):
        place = places[term.name]
        return lambda values: values[place]
    if isinstance(term, Negative | Absolute):
        part = _term(term.part, places)
        if isinstance(term, Absolute):
            return lambda values: abs(part(values))
        return lambda values: -part(values)
    left, right = _term(term.left, places), _term(term.right, places)
    if term.operator == "+":
        return lambda values: left(values) + right(values)
    if term.operator == "-":
        return lambda values: left(values) - right(values)
    if term.operator == "*":
        return lambda values: left(values) * right(values)
    return lambda values: left(values) / right(values)


def unit_of(formula: Formula, units: Mapping[str, str]) -> str:
    """Return the unit in which a formula's robustness is; "1" where its comparisons are not all of one unit.

    Args:
        formula: any formula.
        units: unit of each signal, by name.
    """
    found = {_compared(part, units) for part in parts(formula) if isinstance(part, Comparison)}
    unit = found.pop() if len(found) == 1 else None
    return unit or "1"


def _compared(comparison: Comparison, units: Mapping[str, str]) -> str | None:
    return _shared(_unit(comparison.left, units), _unit(comparison.right, units))


def _shared(left: str | None, right: str | None) -> str | None:
    """The unit of a sum; an empty one, that of a constant, fits any, and None is none that is known."""
    if left is None or right is None:
        return None
    return left or right if left == right or not (left and right) else None


def _unit(term: Term, units: Mapping[str, str]) -> str | None:
    if isinstance(term, Number):
        return ""
    if isinstance(term, SignalName):
        return units.get(term.name, "1")
    if isinstance(term, Negative | Absolute):
        return _unit(term.part, units)
    left, right = _unit(term.left, units), _unit(term.right, units)
    if term.operator in ("+", "-"):
        return _shared(left, right)
    if right == "":
        return left
    if left == "" and term.operator == "*":
        return right
    return "1" if left == right and term.operator == "/" and left is not None else None
