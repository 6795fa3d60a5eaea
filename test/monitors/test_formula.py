from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.monitors.formula import Formula, FormulaMonitor
from vlm_judge_ros.monitors.monitor import EpisodeContext

SECOND = 1_000_000_000
START_NS = 1_700_000_000 * SECOND
UNITS = {"force": "N", "torque": "N m", "cup_z": "m", "on_shelf": "1"}


def stamp(time_s: float) -> int:
    return START_NS + round(time_s * SECOND)


def spec_of(formula: str, **fields: Any) -> Formula:
    return Formula(kind="formula", name="rule", formula=formula, **fields)


class Fed:
    """A monitor of a formula that is given values by seconds of the episode."""

    def __init__(self, formula: str, timeouts_s: dict[str, float] | None = None, **fields: Any) -> None:
        episode = EpisodeContext(START_NS, (), UNITS, timeouts_s or {})
        self.monitor: FormulaMonitor = spec_of(formula, **fields).make(episode)
        self.time_s = 0.0

    def at(self, time_s: float, **values: float) -> Fed:
        self.time_s = time_s
        self.monitor.add_signals(SignalSample(stamp(time_s), values))
        return self

    def steady(self, upto_s: float, rate_hz: float = 100.0, **values: float) -> Fed:
        while self.time_s < upto_s - 1e-9:
            self.at(self.time_s + 1.0 / rate_hz, **values)
        return self

    def found(self, now_s: float | None = None) -> Finding:
        (finding,) = self.monitor.findings(stamp(self.time_s if now_s is None else now_s))
        return finding


def test_a_limit_is_violated_by_the_message_that_breaks_it() -> None:
    fed = Fed("always (force < 40)", severity=Severity.CRITICAL, failure_mode=FailureMode.COLLISION)
    fed.steady(1.0, force=12.0)
    assert not fed.monitor.alarm
    assert fed.found().effect is Effect.NEUTRAL
    assert fed.found().value == 28.0
    fed.at(1.005, force=41.5)
    assert fed.monitor.alarm
    found = fed.found()
    assert (found.effect, found.layer, found.source) == (Effect.FAILURE, Layer.THRESHOLD, "force")
    assert (found.value, found.limit, found.unit, found.onset_ns) == (-1.5, 0.0, "N", stamp(1.005))
    assert (found.severity, found.mode) == (Severity.CRITICAL, FailureMode.COLLISION)
    assert found.text == "The formula always (force < 40) is violated, by 1.5 N, since 1.01 s of the episode."


def test_a_peak_of_one_message_between_two_points_of_the_grid_is_not_missed() -> None:
    for time_s in (0.0, 0.0005, 0.5031, 0.51, 0.5199, 0.52):
        fed = Fed("always (force < 40)", period_s=0.1).steady(max(time_s - 0.001, 0.0), 1000.0, force=10.0)
        fed.at(time_s, force=90.0)
        assert fed.monitor.alarm
        fed.at(time_s + 0.0001, force=10.0).steady(time_s + 1.0, 1000.0, force=10.0)
        assert fed.found().effect is Effect.FAILURE


def test_a_peak_is_evidence_where_it_is_asked_for() -> None:
    fed = Fed("eventually[0, 5] (force > 40)", speaks_for="success").steady(1.003, 1000.0, force=10.0)
    fed.at(1.0035, force=41.0).at(1.004, force=10.0)
    assert fed.found().effect is Effect.SUCCESS
    assert fed.found().layer is Layer.EVENT


def test_a_peak_that_comes_late_by_its_stamp_counts() -> None:
    fed = Fed("always (force < 40)").steady(1.0, force=10.0).at(0.9, force=60.0)
    assert fed.monitor.alarm


def test_lifted_and_then_on_the_shelf_in_that_order() -> None:
    formula = "eventually[0, 20] (cup_z > 0.1 and eventually[0, 10] on_shelf > 0.5)"
    fed = Fed(formula, speaks_for="success").steady(2.0, cup_z=0.0, on_shelf=1.0).steady(4.0, cup_z=0.0, on_shelf=0.0)
    assert fed.found().effect is Effect.NEUTRAL
    fed.steady(6.0, cup_z=0.3, on_shelf=0.0)
    assert fed.found().effect is Effect.NEUTRAL
    assert "is open: its robustness lies between -0.1 and infinity, and it is decided by 30.02 s" in fed.found().text
    fed.steady(8.0, cup_z=0.02, on_shelf=1.0)
    assert fed.found().effect is Effect.SUCCESS
    assert fed.found(100.0).effect is Effect.SUCCESS


def test_on_the_shelf_too_late_never_succeeds() -> None:
    formula = "eventually[0, 3] (cup_z > 0.1 and eventually[0, 2] on_shelf > 0.5)"
    fed = Fed(formula, speaks_for="success").steady(1.0, cup_z=0.3, on_shelf=0.0).steady(3.5, cup_z=0.0, on_shelf=0.0)
    fed.steady(6.0, cup_z=0.0, on_shelf=1.0)
    assert fed.found().effect is Effect.NEUTRAL
    assert "is violated" in fed.found().text


def test_a_consequence_that_breaks_alarms_at_once_not_at_the_end_of_its_window() -> None:
    fed = Fed("always (on_shelf > 0.5 implies always[0, 2] (force < 5))")
    fed.steady(1.0, on_shelf=0.0, force=20.0).steady(1.1, on_shelf=0.0, force=1.0).steady(2.0, on_shelf=1.0, force=1.0)
    assert not fed.monitor.alarm
    fed.at(2.01, on_shelf=0.0, force=6.0)
    assert fed.monitor.alarm


def test_values_that_change_together_are_not_taken_for_one_after_the_other() -> None:
    limit = Fed("always (on_shelf > 0.5 implies always[0, 2] (force < 5))")
    limit.at(0.0, on_shelf=0.0, force=20.0).at(1.005, on_shelf=1.0, force=1.0).steady(4.0, on_shelf=1.0, force=1.0)
    assert not limit.monitor.alarm
    evidence = Fed("eventually (cup_z > 0.1 and eventually[0, 2] on_shelf > 0.5)", speaks_for="success")
    evidence.at(0.0, cup_z=0.0, on_shelf=1.0).at(1.005, cup_z=0.3, on_shelf=0.0).steady(4.0, cup_z=0.3, on_shelf=0.0)
    assert evidence.found().effect is Effect.NEUTRAL


def test_a_deadline_that_passes_is_a_failure() -> None:
    fed = Fed("eventually[0, 2] (cup_z > 0.1)").steady(1.99, cup_z=0.0)
    assert not fed.monitor.alarm
    fed.steady(2.05, cup_z=0.0)
    assert fed.monitor.alarm
    assert fed.found().onset_ns == stamp(2.02)


def test_a_deadline_passes_for_a_signal_that_comes_only_when_it_changes() -> None:
    fed = Fed("eventually[0, 2] (on_shelf > 0.5)", {"on_shelf": 0.0}).at(0.1, on_shelf=0.0)
    assert fed.found(2.9).effect is Effect.NEUTRAL
    found = fed.found(3.2)
    assert (found.effect, found.onset_ns) == (Effect.FAILURE, stamp(2.02))


def test_what_a_silence_decided_is_dated_as_if_it_had_been_asked_for_meanwhile() -> None:
    fed = Fed("always (force > 2 implies eventually[0, 0.3] torque > 2)").at(0.0, force=3.0, torque=0.0)
    fed.at(1.5, force=0.0)
    assert fed.monitor.alarm
    assert fed.found().onset_ns == stamp(0.32)


def test_what_looks_back_speaks_of_now_and_heals() -> None:
    fed = Fed("historically[0, 1] (force < 40)").steady(1.0, force=10.0)
    assert "is satisfied, with 30 N to spare" in fed.found().text
    fed.at(1.011, force=45.0)
    assert fed.monitor.alarm
    fed.steady(1.9, force=10.0)
    assert fed.found().effect is Effect.FAILURE
    assert fed.found().onset_ns == stamp(1.011)
    fed.steady(2.1, force=10.0)
    assert not fed.monitor.alarm
    assert fed.found().effect is Effect.NEUTRAL


def test_always_never_heals() -> None:
    fed = Fed("always (force < 40)").at(0.0, force=50.0).steady(20.0, force=1.0)
    assert fed.found().effect is Effect.FAILURE
    assert fed.found().onset_ns == START_NS


def test_evidence_that_looks_back_is_there_as_long_as_it_holds() -> None:
    fed = Fed("once[0, 1] (on_shelf > 0.5)", speaks_for="success").steady(1.0, on_shelf=0.0)
    assert fed.found().effect is Effect.NEUTRAL
    assert fed.steady(1.5, on_shelf=1.0).found().effect is Effect.SUCCESS
    assert fed.steady(2.4, on_shelf=0.0).found().effect is Effect.SUCCESS
    assert fed.steady(2.6, on_shelf=0.0).found().effect is Effect.NEUTRAL


def test_a_signal_that_never_came_blinds_after_its_timeout() -> None:
    fed = Fed("always (force < 40)", {"force": 0.5})
    assert fed.found(0.4).effect is Effect.NEUTRAL
    found = fed.found(0.6)
    assert found.effect is Effect.BLIND
    assert "signal force has not been received for 0.6 s" in found.text
    assert math.isnan(found.value)


def test_silence_blinds_and_the_next_message_ends_that() -> None:
    fed = Fed("always (force < 40)").steady(2.0, force=10.0)
    assert fed.found(2.9).effect is Effect.NEUTRAL
    found = fed.found(3.5)
    assert found.effect is Effect.BLIND
    assert "signal force has been silent for 1.5 s" in found.text
    assert fed.at(4.0, force=10.0).found().effect is Effect.NEUTRAL


def test_old_values_decide_nothing() -> None:
    fed = Fed("always[0, 5] (force < 40)", speaks_for="success").steady(2.0, force=10.0)
    fed.at(4.0, force=10.0).steady(6.0, force=10.0)
    found = fed.found()
    assert found.effect is Effect.NEUTRAL
    assert "cannot be decided any more: its robustness lies between -infinity and 30 N" in found.text


def test_a_violation_before_a_gap_stands() -> None:
    fed = Fed("always[0, 5] (force < 40)").steady(1.0, force=50.0).at(9.0, force=1.0)
    assert fed.found().effect is Effect.FAILURE


def test_the_first_values_count_from_the_start_of_the_episode() -> None:
    formula = "always[0, 1] (force < 40 and cup_z < 1)"
    fed = Fed(formula, speaks_for="success").at(0.13, force=10.0).at(0.31, cup_z=0.1)
    fed.steady(1.1, force=10.0, cup_z=0.1)
    assert fed.found().effect is Effect.SUCCESS


def test_numbers_of_one_message_belong_together() -> None:
    fed = Fed("always (abs(force - torque) < 1)").steady(0.5, force=0.0, torque=0.0).at(0.505, force=50.0, torque=50.0)
    assert not fed.monitor.alarm


def test_a_division_by_zero_decides_nothing() -> None:
    fed = Fed("always (force / torque < 3)").steady(0.5, force=1.0, torque=0.0).steady(1.0, force=1.0, torque=1.0)
    assert fed.found().effect is Effect.NEUTRAL
    assert fed.at(1.01, force=4.0, torque=1.0).found().effect is Effect.FAILURE


def test_comparisons_of_several_units_have_no_unit() -> None:
    assert Fed("always (force < 40 and cup_z < 1)").steady(0.1, force=1.0, cup_z=0.0).found().unit == "1"
    assert Fed("always (abs(force) * 2 < 40)").steady(0.1, force=1.0).found().unit == "N"
    assert Fed("always (force < 40 or force > 2 * torque)").found().unit == "1"


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("always force", "expected a comparison"),
        ("always eventually force < 1", "give the inner one a window"),
        ("always[0, 0.03] force < 1", "no multiple of period_s"),
        ("always eventually[0, 1000] force < 1", "set period_s to at least"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_when_it_is_read(formula: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        spec_of(formula)


def test_a_formula_tells_its_signals_layer_and_effects() -> None:
    limit = spec_of("always (force < 40 and force + torque < 50)")
    assert (limit.signals, limit.layer, limit.gives) == (("force", "torque"), Layer.THRESHOLD, (Effect.FAILURE,))
    evidence = spec_of("eventually force > 1", speaks_for="success")
    assert (evidence.layer, evidence.gives) == (Layer.EVENT, (Effect.SUCCESS,))


FORMULAS = (
    "always (force < 3)",
    "eventually[0, 1] (force > 3)",
    "always (force > 2 implies eventually[0, 0.3] torque > 2)",
    "historically[0, 0.5] (force < 3)",
    "(force < 4) until[0.1, 1] (torque > 3)",
    "force < 4 since torque > 3",
    "not once[0.1, 0.4] (force * torque > 9)",
)
numbers = st.one_of(st.integers(-5, 5).map(float), st.sampled_from((math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0)))
messages = st.lists(
    st.tuples(
        st.sampled_from((-0.3, -0.02, 0.0, 0.0, 0.003, 0.02, 0.02, 0.05, 0.3, 1.5, 90.0)),
        st.dictionaries(st.sampled_from(("force", "torque", "other")), numbers, max_size=3),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FORMULAS), messages)
def test_no_stamps_and_no_values_do_harm(formula: str, story: list[tuple[float, dict[str, float]]]) -> None:
    fed = Fed(formula)
    time_s = 0.0
    for step_s, values in story:
        time_s += step_s
        fed.at(time_s, **values)
        found = fed.found(max(time_s, 0.0))
        assert found.effect in (Effect.NEUTRAL, Effect.FAILURE, Effect.BLIND)
        assert (found.effect is Effect.FAILURE) <= fed.monitor.alarm


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FORMULAS), messages, st.data())
def test_it_makes_no_difference_how_often_it_is_asked(
    formula: str, story: list[tuple[float, dict[str, float]]], data: st.DataObject
) -> None:
    asked, quiet = Fed(formula), Fed(formula)
    time_s = 0.0
    for step_s, values in story:
        # Messages come in the order of their stamps here, and what is late by more than a second is another matter.
        time_s += min(max(step_s, 0.0), 1.5)
        for fed in (asked, quiet):
            fed.at(time_s, **values)
        for _ in range(data.draw(st.integers(0, 2))):
            asked.found()
    assert asked.found() == quiet.found() or math.isnan(asked.found().value)
    assert asked.monitor.alarm is quiet.monitor.alarm


def test_the_formulas_of_the_documentation_are_accepted() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "formulas.md").read_text(encoding="utf-8")
    table = page.partition("## What a lab wants")[2].partition("## What it means")[0]
    shown = re.findall(r"\| `(.+)` \|", table)
    assert len(shown) == 10
    for formula in shown:
        spec_of(formula)
