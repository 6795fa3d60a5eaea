from __future__ import annotations

import math
import random

import pytest
from formula_reference import formulas
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.formula_online import OnlineFormula
from vlm_judge_ros.monitors.formula_parser import parse
from vlm_judge_ros.monitors.formula_syntax import Formula
from vlm_judge_ros.monitors.formula_syntax import Temporal as TemporalFormula
from vlm_judge_ros.monitors.formula_syntax import Window as TimeWindow

SECOND = 1_000_000_000
START_NS = 1_700_000_000 * SECOND


def both_ways(formula: Formula, monkeypatch: pytest.MonkeyPatch) -> tuple[OnlineFormula, OnlineFormula]:
    """The formula as it is, and one that computes whatever comes."""
    try:
        thrifty, eager = (OnlineFormula(formula, 1.0, START_NS, {"a": 0.0, "b": 4.0}) for _ in range(2))
    except JudgeError:
        assume(False)
        raise
    monkeypatch.setattr(eager._outlook, "the_same", lambda closed: False)
    return thrifty, eager


def values_of(story: str, index: int, drawn: random.Random) -> dict[str, float]:
    if story == "waves":
        return {"a": 1.5 + 2 * math.sin(index / 7), "b": 1.5 + 2 * math.cos(index / 9)}
    if story == "noise":
        return {"a": drawn.uniform(-1, 4), "b": drawn.uniform(-1, 4)}
    rare = drawn.random() < 0.01
    return {"a": 5.0 if rare else -1.0} if drawn.random() < 0.5 else {"b": -2.0 if rare else 4.0}


@settings(max_examples=40, deadline=None)
@given(
    formulas(longest=20, leaves=4), st.booleans(), st.sampled_from(("waves", "noise", "rare")), st.integers(0, 10_000)
)
def test_what_is_not_computed_changes_nothing(formula: Formula, all_along: bool, story: str, seed: int) -> None:
    drawn = random.Random(seed)
    if all_along:
        formula = TemporalFormula("always", TimeWindow(), formula)
    with pytest.MonkeyPatch.context() as patches:
        thrifty, eager = both_ways(formula, patches)
        stamp_ns = START_NS
        for index in range(600):
            pause_s = drawn.choice((1.0, 6.0, 90.0)) if drawn.random() < 0.003 else 0.25
            stamp_ns += round(pause_s * SECOND)
            late_ns = drawn.choice((0, SECOND, 3 * SECOND)) if drawn.random() < 0.05 else 0
            values = values_of(story, index, drawn)
            thrifty.add(stamp_ns - late_ns, values)
            eager.add(stamp_ns - late_ns, values)
            assert (thrifty.holds, thrifty.over, thrifty.decided_ns) == (eager.holds, eager.over, eager.decided_ns)
        thrifty.weigh()
        eager.weigh()
        assert (thrifty.low, thrifty.high, thrifty.holds) == (eager.low, eager.high, eager.holds)


@pytest.mark.parametrize(
    "text",
    [
        "always (a < 40)",
        "historically[0, 1] (a < 40)",
        "always (a > 30 implies eventually[0, 1] b > 2)",
        "eventually[0, 20] (a > 0.1 and eventually[0, 10] b > 0.5)",
    ],
)
def test_steady_signals_are_computed_now_and_then_only(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    online = OnlineFormula(parse(text), 0.02, START_NS)
    updates = 0
    update = online._settle

    def counted(stamp_ns: int) -> None:
        nonlocal updates
        updates += 1
        update(stamp_ns)

    monkeypatch.setattr(online, "_settle", counted)
    for index in range(8000):
        values = {"a": 0.5 * math.sin(index / 7), "b": 0.4 * math.cos(index / 9)}
        online.add(START_NS + index * 1_000_000, values)
        assert all(len(leaf.pending) <= 128 for leaf in online._leaves)
    assert updates <= 30
