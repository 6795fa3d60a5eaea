from __future__ import annotations

from dataclasses import replace

import pytest
from moments import (
    CONFIRMED,
    DECLARED,
    FRESH,
    LIMITS,
    SECOND,
    failing_moment,
    finding,
    good_moment,
    no_review,
    reviewed,
    run,
    well_declared,
    without,
)

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Layer, Severity
from vlm_judge_ros.verdict.verdict import State


def test_everything_well_for_long_enough_is_success() -> None:
    states = [decision.state for decision in run([good_moment(1), good_moment(1.5), good_moment(2)])]
    assert states == [State.PROGRESSING, State.PROGRESSING, State.SUCCEEDED]


def test_a_judge_that_says_complete_from_its_first_answer_on_is_not_believed_on_motion_alone() -> None:
    flattery = [good_moment(time_s) for time_s in range(1, 9)]
    decision = run(flattery, start=FRESH)[-1]
    assert decision.state is State.PROGRESSING
    assert "since its first answer" in decision.reason
    assert run([good_moment(0.5, complete=False), *flattery], start=FRESH)[-1].state is State.SUCCEEDED


def test_declared_evidence_grants_success_to_a_judge_that_was_first_asked_when_all_was_done() -> None:
    done = [well_declared(time_s) for time_s in (1, 2)]
    assert run(done, DECLARED, FRESH)[-1].state is State.SUCCEEDED


def test_evidence_has_to_be_there_as_long_as_the_claim() -> None:
    late = [
        tuple(
            replace(found, effect=Effect.NEUTRAL) if found.name == "grasp_held" and time_s < 3 else found
            for found in well_declared(time_s)
        )
        for time_s in (1, 2, 3, 4)
    ]
    decisions = run(late, DECLARED)
    assert [decision.state is State.SUCCEEDED for decision in decisions] == [False, False, False, True]
    assert "have not yet agreed for 0.8 s" in decisions[2].reason


def test_what_only_the_judge_says_is_no_evidence_under_whatever_name() -> None:
    said = [
        (
            *without(well_declared(time_s), "grasp_held"),
            finding(Layer.EVENT, "grasp_held", Effect.NEUTRAL, time_s * SECOND),
        )
        for time_s in (1, 2, 3)
    ]
    claimed = [
        (*moment, finding(Layer.JUDGE, "grasp_held", Effect.SUCCESS, time_s * SECOND))
        for time_s, moment in enumerate(said, start=1)
    ]
    assert run(claimed, DECLARED)[-1].state is State.PROGRESSING


def test_a_declared_monitor_that_says_nothing_makes_the_verdict_unknown_and_is_named() -> None:
    decision = run([without(well_declared(1), "force_limit")], DECLARED)[0]
    assert decision.state is State.UNKNOWN
    assert "Monitor force_limit says nothing. Missing layer: threshold." in decision.reason
    assert decision.missing_layers == (Layer.THRESHOLD,)


def test_an_event_that_nobody_can_see_withholds_success_and_no_more() -> None:
    unseen = [
        (
            *without(well_declared(time_s), "object_lost"),
            finding(Layer.EVENT, "object_lost", Effect.BLIND, time_s * SECOND),
        )
        for time_s in (1, 2, 3)
    ]
    decision = run(unseen, DECLARED)[-1]
    assert decision.state is State.PROGRESSING
    assert [found.name for found in decision.decided_by] == ["object_lost"]


def test_nothing_at_all_is_unknown() -> None:
    decision = run([()])[0]
    assert decision.state is State.UNKNOWN
    assert decision.missing_layers == (Layer.HEALTH, Layer.STRUCTURE, Layer.JUDGE, Layer.EVENT)


@pytest.mark.parametrize("layer", list(Layer))
def test_no_layer_alone_grants_success(layer: Layer) -> None:
    moments = [tuple(found for found in good_moment(time_s) if found.layer is layer) for time_s in range(1, 20)]
    assert all(decision.state is State.UNKNOWN for decision in run(moments))


@pytest.mark.parametrize("layer", [Layer.HEALTH, Layer.JUDGE, Layer.EVENT])
def test_success_needs_each_of_health_judge_and_evidence(layer: Layer) -> None:
    moments = [tuple(found for found in good_moment(time_s) if found.layer is not layer) for time_s in range(1, 20)]
    assert all(decision.state is not State.SUCCEEDED for decision in run(moments))


@pytest.mark.parametrize("index", range(8))
def test_success_that_loses_any_single_finding_is_at_most_kept_where_it_was_not_needed(index: int) -> None:
    moments = [
        tuple(found for place, found in enumerate(good_moment(time_s)) if place != index) for time_s in range(1, 5)
    ]
    needless = {"progress_trend", "judge_failure"}
    succeeded = run(moments)[-1].state is State.SUCCEEDED
    assert succeeded == (good_moment(1)[index].name in needless)


def test_a_critical_finding_fails_at_once() -> None:
    critical = finding(Layer.THRESHOLD, "force", Effect.FAILURE, SECOND, severity=Severity.CRITICAL)
    assert run([(*good_moment(1), critical)])[0].state is State.FAILED


def test_failure_needs_both_count_and_seconds() -> None:
    assert run([failing_moment(1), failing_moment(1.5)])[-1].state is State.PROGRESSING
    assert run([failing_moment(1), failing_moment(2)])[-1].state is State.FAILED
    assert run([failing_moment(1), failing_moment(1), failing_moment(1)])[-1].state is State.PROGRESSING


def test_a_good_answer_between_failing_ones_starts_the_count_anew() -> None:
    story = [failing_moment(1), good_moment(2, complete=False), failing_moment(3)]
    assert run(story)[-1].state is State.PROGRESSING


def test_a_declined_answer_between_failing_ones_does_not() -> None:
    blind = tuple(found for found in good_moment(2) if found.layer is not Layer.JUDGE)
    declined = (*blind, finding(Layer.JUDGE, "judge_declined", Effect.BLIND, 2 * SECOND))
    assert run([failing_moment(1), declined, failing_moment(3)])[-1].state is State.FAILED


def test_recovery_needs_both_count_and_seconds() -> None:
    failed = [failing_moment(1), failing_moment(2)]
    quick = [good_moment(2.1 + step / 10, complete=False) for step in range(10)]
    assert run([*failed, *quick])[-1].state is State.FAILED
    few = [good_moment(3, complete=False), good_moment(9, complete=False)]
    assert run([*failed, *few])[-1].state is State.FAILED
    assert run([*failed, *few, good_moment(10, complete=False)])[-1].state is State.PROGRESSING


def test_the_same_answer_weighed_again_does_not_count_towards_recovery() -> None:
    good = [good_moment(time_s, complete=False) for time_s in (3, 3, 3, 9, 9, 9)]
    assert run([failing_moment(1), failing_moment(2), *good])[-1].state is State.FAILED


def test_answers_that_saw_less_than_the_failure_do_not_count_towards_recovery() -> None:
    critical = finding(Layer.THRESHOLD, "force", Effect.FAILURE, 20 * SECOND, severity=Severity.CRITICAL)
    older = [good_moment(time_s, complete=False) for time_s in (11, 13, 15, 17)]
    newer = [good_moment(time_s, complete=False) for time_s in (21, 23, 25)]
    assert run([(*good_moment(10), critical), *older, *newer[:2]])[-1].state is State.FAILED
    assert run([(*good_moment(10), critical), *older, *newer])[-1].state is State.PROGRESSING


def test_a_blind_camera_starts_recovery_anew() -> None:
    blind = finding(Layer.HEALTH, "camera_silent", Effect.BLIND, 5 * SECOND, "front", severity=Severity.ERROR)
    good = [good_moment(time_s, complete=False) for time_s in range(3, 8)]
    good[2] = (*good[2], blind)
    assert run([failing_moment(1), failing_moment(2), *good])[-1].state is State.FAILED


def test_of_two_findings_of_one_evidence_the_worse_counts() -> None:
    doubtful = [
        (*good_moment(time_s), finding(Layer.EVENT, "joint_motion", Effect.NEUTRAL, time_s * SECOND))
        for time_s in (1, 2, 3)
    ]
    assert run(doubtful)[-1].state is State.PROGRESSING


def test_a_failure_is_not_talked_away_by_success() -> None:
    story = [failing_moment(1), failing_moment(2), good_moment(3), good_moment(4)]
    decision = run(story)[-1]
    assert decision.state is State.FAILED
    assert [found.name for found in decision.overruled] == ["judge_success"]


def test_success_is_withheld_while_an_unconfirmed_failure_is_seen() -> None:
    trouble = finding(Layer.STRUCTURE, "slip", Effect.FAILURE, 4 * SECOND, severity=Severity.ERROR)
    story = [good_moment(1), good_moment(2), good_moment(3), (*good_moment(4), trouble)]
    assert [decision.state for decision in run(story)][-2:] == [State.SUCCEEDED, State.PROGRESSING]


def test_a_blind_camera_breaks_the_hold_of_success() -> None:
    blind = finding(Layer.HEALTH, "camera_silent", Effect.BLIND, 2 * SECOND, "front", severity=Severity.ERROR)
    story = [good_moment(1), (*good_moment(2), blind), good_moment(3), good_moment(4)]
    states = [decision.state for decision in run(story)]
    assert states == [State.PROGRESSING, State.UNKNOWN, State.PROGRESSING, State.SUCCEEDED]


def test_success_that_waits_for_a_review_says_so_until_one_agrees() -> None:
    waiting = [good_moment(1), good_moment(2)]
    decision = run(waiting, CONFIRMED)[-1]
    assert decision.state is State.PROGRESSING
    assert "the review has not confirmed it" in decision.reason
    assert [found.name for found in decision.overruled] == ["judge_success"]
    decision = run([*waiting, (*good_moment(3), *reviewed(2))], CONFIRMED)[-1]
    assert decision.state is State.SUCCEEDED
    assert [found.source for found in decision.decided_by if found.layer is Layer.JUDGE] == ["", "review"]


def test_a_review_of_frames_from_before_the_judge_said_complete_does_not_confirm() -> None:
    story = [good_moment(time_s, complete=time_s > 2) for time_s in range(1, 6)]
    early = [(*moment, *reviewed(2)) for moment in story]
    assert run(early, CONFIRMED)[-1].state is State.PROGRESSING
    assert "of an earlier moment" in run(early, CONFIRMED)[-1].reason
    assert run([(*moment, *reviewed(3)) for moment in story], CONFIRMED)[-1].state is State.SUCCEEDED


def test_a_review_that_says_not_complete_withholds_success_where_success_waits_for_it() -> None:
    story = [(*good_moment(time_s), *reviewed(time_s, complete=False)) for time_s in (1, 2, 3)]
    assert run(story, CONFIRMED)[-1].state is State.PROGRESSING
    assert run(story, LIMITS)[-1].state is State.SUCCEEDED


def test_a_review_alone_grants_nothing() -> None:
    assert {decision.state for decision in run([reviewed(time_s) for time_s in range(1, 9)], CONFIRMED)} == {
        State.UNKNOWN
    }
    assert run([reviewed(1)])[0].missing_layers == (Layer.HEALTH, Layer.STRUCTURE, Layer.JUDGE, Layer.EVENT)


def test_failing_reviews_in_a_row_fail_whatever_the_judge_says() -> None:
    story = [(*good_moment(time_s), *reviewed(seen_s, failing=True)) for time_s, seen_s in ((1, 1), (2, 1), (3, 3))]
    assert [decision.state for decision in run(story)] == [State.PROGRESSING, State.PROGRESSING, State.FAILED]


def test_a_failure_that_a_review_found_ends_only_by_reviews() -> None:
    failed = [(*good_moment(time_s), *reviewed(time_s, failing=True)) for time_s in (1, 2)]
    judged = [good_moment(time_s) for time_s in range(3, 20)]
    assert run([*failed, *judged])[-1].state is State.FAILED
    quiet = [(*good_moment(time_s), *reviewed(time_s)) for time_s in (20, 21, 22)]
    assert run([*failed, *judged, *quiet])[-1].state is State.SUCCEEDED


def test_a_failing_review_and_a_failing_answer_are_counted_apart() -> None:
    story = [failing_moment(1), (*good_moment(2, complete=False), *reviewed(2, complete=False, failing=True))]
    assert run(story)[-1].state is State.PROGRESSING


@pytest.mark.parametrize("name", ["judge_fault", "judge_declined", "judge_unparsable", "judge_silent"])
def test_a_review_that_says_nothing_is_named_and_does_not_blind_the_judge(name: str) -> None:
    story = [(*good_moment(time_s), *no_review(time_s, name)) for time_s in (1, 2, 3)]
    for decision in run(story):
        assert decision.reason.endswith(f"{name}.")
    assert run(story)[-1].state is State.SUCCEEDED
    assert run(story, CONFIRMED)[-1].state is State.PROGRESSING


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"success_evidence": ()}, "success_evidence"),
        ({"cameras": ()}, "cameras"),
        ({"failure_count": 0}, "failure_count"),
        ({"recovery_hold_s": -1.0}, "recovery_hold_s"),
        ({"success_hold_s": float("nan")}, "success_hold_s"),
    ],
)
def test_limits_are_refused_by_name(limits: dict[str, object], named: str) -> None:
    with pytest.raises(JudgeError, match=named):
        replace(LIMITS, **limits)  # type: ignore[arg-type]
