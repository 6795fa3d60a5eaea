from __future__ import annotations

from dataclasses import replace

import pytest
from moments import (
    DECLARED,
    LIMITS,
    SECOND,
    Moment,
    failing_moment,
    finding,
    good_moment,
    remembered,
    run,
    well_declared,
    without,
)

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.verdict import State


def failing(time_s: float, name: str, severity: Severity, mode: FailureMode = FailureMode.SLIP) -> Finding:
    layers = {name: layer for layer, name in DECLARED.monitors}
    at = round(time_s * SECOND)
    return finding(layers[name], name, Effect.FAILURE, at, severity=severity, mode=mode)


def with_failing(time_s: float, *found: Finding) -> Moment:
    return (*without(well_declared(time_s), *(item.name for item in found)), *found)


@pytest.mark.parametrize("severity", [Severity.INFO, Severity.WARNING])
def test_a_lesser_failure_withholds_success_is_told_and_fails_nothing(severity: Severity) -> None:
    story = [with_failing(time_s, failing(time_s, "jerk_limit", severity)) for time_s in (1, 2, 3)]
    decision, memory = remembered(story, DECLARED)[-1]
    assert decision.state is State.PROGRESSING
    assert f"A failure of severity {severity.name.lower()} holds: jerk_limit." in decision.reason
    assert "jerk_limit" in [found.name for found in decision.overruled]
    assert [(failure.mode, failure.severity) for failure in memory.open] == [(FailureMode.SLIP, severity)]


def test_each_mode_is_held_and_heals_by_itself() -> None:
    both = [
        with_failing(
            time_s,
            failing(time_s, "force_limit", Severity.ERROR, FailureMode.COLLISION),
            failing(time_s, "jerk_limit", Severity.CRITICAL, FailureMode.UNSTABLE),
        )
        for time_s in (1, 2)
    ]
    one = [
        with_failing(time_s, failing(time_s, "force_limit", Severity.ERROR, FailureMode.COLLISION))
        for time_s in (3, 4, 5, 6)
    ]
    held = [[failure.mode for failure in memory.failed] for _, memory in remembered([*both, *one], DECLARED)]
    assert held[0] == [FailureMode.UNSTABLE]
    assert held[1] == [FailureMode.UNSTABLE, FailureMode.COLLISION]
    assert held[-1] == [FailureMode.COLLISION]


def test_a_critical_mode_that_only_a_judge_names_waits_for_its_second_answer() -> None:
    named = [
        tuple(
            replace(found, mode=FailureMode.COLLISION) if found.effect is Effect.FAILURE else found for found in moment
        )
        for moment in (failing_moment(1), failing_moment(2))
    ]
    limits = replace(LIMITS, severities=DECLARED.severities)
    decisions = remembered(named, limits)
    assert [decision.state for decision, _ in decisions] == [State.PROGRESSING, State.FAILED]
    assert decisions[-1][1].failed[0].severity is Severity.CRITICAL


def test_a_lesser_mode_that_a_judge_names_does_not_stand_in_for_a_grave_one() -> None:
    def names(time_s: int, mode: FailureMode) -> Moment:
        return tuple(
            replace(found, mode=mode) if found.effect is Effect.FAILURE else found for found in failing_moment(time_s)
        )

    limits = replace(LIMITS, severities=DECLARED.severities)
    story = [names(1, FailureMode.SPILL), names(2, FailureMode.SPILL), names(3, FailureMode.SLIP)]
    assert State.FAILED not in {decision.state for decision in run(story, limits)}
    assert run([*story, names(4, FailureMode.SLIP)], limits)[-1].state is State.FAILED


@pytest.mark.parametrize(
    ("layer", "name", "source", "mode"),
    [
        (Layer.HEALTH, "camera_black", "front", FailureMode.CAMERA_FAULT),
        (Layer.HEALTH, "signal_silent", "force", FailureMode.SIGNAL_FAULT),
        (Layer.THRESHOLD, "force_limit", "", FailureMode.SIGNAL_FAULT),
        (Layer.JUDGE, "judge_declined", "", FailureMode.JUDGE_FAULT),
    ],
)
def test_blindness_that_lasts_is_a_fault_of_its_own_and_never_a_failed_episode(
    layer: Layer, name: str, source: str, mode: FailureMode
) -> None:
    def blinded(time_s: int) -> Moment:
        kept = [
            found
            for found in well_declared(time_s)
            if found.layer is not layer or (layer is not Layer.JUDGE and found.source != source and found.name != name)
        ]
        return (*kept, finding(layer, name, Effect.BLIND, time_s * SECOND, source))

    after = remembered([blinded(1), blinded(2), *(well_declared(time_s) for time_s in (3, 4, 5))], DECLARED)
    assert [decision.state for decision, _ in after[:2]] == [State.UNKNOWN] * 2
    assert [[fault.mode for fault in memory.open] for _, memory in after] == [[], [mode], [mode], [mode], []]
    assert layer in after[1][0].missing_layers
    assert [decision.state for decision, _ in after[2:]] == [State.PROGRESSING, State.PROGRESSING, State.SUCCEEDED]


def test_a_judge_at_a_loss_for_a_moment_is_no_fault_and_for_long_it_is() -> None:
    def declines(time_s: int) -> Moment:
        kept = [found for found in good_moment(time_s) if found.layer is not Layer.JUDGE]
        return (*kept, finding(Layer.JUDGE, "judge_declined", Effect.BLIND, time_s * SECOND))

    patient = replace(LIMITS, judge_fault_s=5.0)
    opened = [memory.open for _, memory in remembered([declines(time_s) for time_s in range(1, 8)], patient)]
    assert opened[:5] == [()] * 5
    assert [[fault.mode for fault in faults] for faults in opened[5:]] == [[FailureMode.JUDGE_FAULT]] * 2


def test_a_judge_that_has_not_answered_yet_is_no_fault() -> None:
    waiting = [
        (
            *(found for found in good_moment(time_s) if found.layer is not Layer.JUDGE),
            finding(Layer.JUDGE, "judge_pending", Effect.BLIND, time_s * SECOND),
        )
        for time_s in range(1, 9)
    ]
    assert all(not memory.open for _, memory in remembered(waiting))


def test_how_long_a_judge_has_to_go_on_is_told_apart_from_a_fast_layer() -> None:
    patient = replace(DECLARED, judge_hold_s=2.8)
    judged = [failing_moment(time_s) for time_s in (1, 2, 3, 4)]
    states = [decision.state for decision, _ in remembered(judged, replace(LIMITS, judge_hold_s=2.8))]
    assert states.index(State.FAILED) == 3
    assert [decision.state for decision, _ in remembered(judged, LIMITS)].index(State.FAILED) == 1
    fast = [with_failing(time_s, failing(time_s, "jerk_limit", Severity.ERROR)) for time_s in (1, 2, 3)]
    assert [decision.state for decision, _ in remembered(fast, patient)].index(State.FAILED) == 1
    hasty = replace(LIMITS, failure_hold_s=0.8, judge_hold_s=0.4)
    often = [failing_moment(time_s) for time_s in (1.0, 1.5, 2.0)]
    assert [decision.state for decision, _ in remembered(often, hasty)].index(State.FAILED) == 1


def banded(time_s: float, outside: bool) -> Moment:
    """All is well but for answers that leave what successful episodes showed; the judge itself names no failure."""
    effect, value = (Effect.FAILURE, 9.0) if outside else (Effect.NEUTRAL, 0.5)
    band = finding(Layer.JUDGE, "judge_band", effect, round(time_s * SECOND), value=value, severity=Severity.ERROR)
    return (*good_moment(time_s, complete=False), band)


def test_answers_that_leave_the_band_fail_an_episode_as_a_judge_that_names_a_failure_does() -> None:
    story = [banded(time_s, outside=True) for time_s in (1, 2, 3)]
    states = [decision for decision, _ in remembered(story)]
    assert [decision.state for decision in states] == [State.PROGRESSING, State.FAILED, State.FAILED]
    assert states[-1].decided_by[0].name == "judge_band"
    # So many widths are no probability.
    assert states[-1].confidence is None


def test_answers_that_are_back_in_the_band_heal_it_and_those_that_only_tell_no_failure_do_not() -> None:
    outside = [banded(time_s, outside=True) for time_s in (1, 2)]
    back = [banded(time_s, outside=False) for time_s in (3, 4, 5, 6)]
    untold = [good_moment(time_s, complete=False) for time_s in (3, 4, 5, 6)]
    assert remembered([*outside, *back])[-1][0].state is State.PROGRESSING
    assert remembered([*outside, *untold])[-1][0].state is State.FAILED
