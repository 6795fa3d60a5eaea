"""What holds of the gate whatever the layers find: the reason why its verdicts can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st
from moments import (
    CONFIRMED,
    DECLARED,
    DOUBTED,
    FRESH,
    LIMITS,
    SECOND,
    Moment,
    finding,
    no_review,
    of_review,
    remembered,
    reviewed,
    run,
    well_declared,
)

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.gate import Decision, rated
from vlm_judge_ros.verdict.gate_limits import GateLimits
from vlm_judge_ros.verdict.verdict import State

GOODNESS = {
    State.FAILED: 0,
    State.UNKNOWN: 1,
    State.REGRESSING: 2,
    State.STALLED: 3,
    State.PROGRESSING: 4,
    State.SUCCEEDED: 5,
}
MODES = (FailureMode.SLIP, FailureMode.SPILL, FailureMode.COLLISION)
CALM = (Effect.NEUTRAL,) * 8
SEES = (*CALM, Effect.BLIND)
LIMIT = (*CALM, Effect.FAILURE, Effect.FAILURE, Effect.BLIND)
TREND = (*CALM, Effect.STALL, Effect.REGRESS)
CLAIM = (Effect.SUCCESS, Effect.SUCCESS, Effect.SUCCESS, Effect.NEUTRAL)
PROOF = (*(Effect.SUCCESS,) * 9, Effect.NEUTRAL, Effect.BLIND)

starts = st.sampled_from([DOUBTED, FRESH])
every_limits = st.sampled_from([LIMITS, CONFIRMED, DECLARED])
severities = st.sampled_from(list(Severity))
modes = st.sampled_from(MODES)


def effect(draw: st.DrawFn, effects: Sequence[Effect]) -> Effect:
    return draw(st.sampled_from(effects))


@st.composite
def findings_at(draw: st.DrawFn, time_s: int) -> Moment:
    """Anything that all layers can find at a moment, of a task with a file or without; often that all is well."""
    if draw(st.integers(0, 9)) > 2:
        return (
            *well_declared(time_s, bool(draw(st.integers(0, 3)))),
            *(reviewed(time_s) if draw(st.booleans()) else ()),
        )
    at = time_s * SECOND
    found: list[Finding] = []
    for source in ("front", "wrist", "force"):
        found.append(finding(Layer.HEALTH, "seen", effect(draw, SEES), at, source, severity=Severity.WARNING))
    found.append(finding(Layer.STRUCTURE, "progress_trend", effect(draw, TREND), at))
    for layer, name in DECLARED.monitors:
        speaks = effect(draw, PROOF if name in DECLARED.success_evidence else LIMIT)
        worst = draw(severities) if speaks is Effect.FAILURE else Severity.INFO
        mode = draw(modes) if speaks is Effect.FAILURE else FailureMode.NONE
        found.append(finding(layer, name, speaks, at, severity=worst, mode=mode))
    found += [finding(Layer.EVENT, name, effect(draw, PROOF), at) for name in LIMITS.success_evidence]
    if draw(st.integers(0, 7)):
        failing = effect(draw, (*CALM, Effect.FAILURE, Effect.FAILURE, Effect.FAILURE))
        found.append(finding(Layer.JUDGE, "judge_progress", Effect.NEUTRAL, at))
        found.append(finding(Layer.JUDGE, "judge_success", effect(draw, CLAIM), at))
        found.append(finding(Layer.JUDGE, "judge_failure", failing, at, mode=draw(modes)))
        if draw(st.booleans()):
            outside = effect(draw, (Effect.NEUTRAL, Effect.NEUTRAL, Effect.FAILURE))
            found.append(finding(Layer.JUDGE, "judge_band", outside, at, value=3.0, mode=draw(modes)))
    else:
        found.append(finding(Layer.JUDGE, "judge_declined", Effect.BLIND, at))
    kind_of_review = draw(st.sampled_from(["none", "trouble", "newest", "newest", "older"]))
    if kind_of_review == "trouble":
        found += no_review(time_s, draw(st.sampled_from(["judge_fault", "judge_declined", "judge_unparsable"])))
    elif kind_of_review != "none":
        seen_s = time_s if kind_of_review == "newest" else draw(st.integers(1, time_s))
        found += reviewed(seen_s, draw(st.booleans()), not draw(st.integers(0, 3)))
    return tuple(found)


@st.composite
def stories(draw: st.DrawFn) -> list[Moment]:
    return [draw(findings_at(time_s)) for time_s in range(1, draw(st.integers(3, 10)))]


@given(stories(), st.sampled_from(list(Layer)), every_limits)
def test_no_layer_alone_grants_success(story: list[Moment], layer: Layer, limits: GateLimits) -> None:
    alone = [tuple(found for found in moment if found.layer is layer) for moment in story]
    assert State.SUCCEEDED not in {decision.state for decision in run(alone, limits)}


@given(stories(), st.data(), every_limits)
def test_a_judge_that_always_says_complete_gets_nothing_where_one_evidence_never_speaks(
    story: list[Moment], data: st.DataObject, limits: GateLimits
) -> None:
    never = data.draw(st.sampled_from(limits.success_evidence))
    flattered = [
        (
            *(found for found in moment if found.layer is not Layer.JUDGE),
            finding(Layer.JUDGE, "judge_progress", Effect.NEUTRAL, time_s * SECOND, value=1.0),
            finding(Layer.JUDGE, "judge_success", Effect.SUCCESS, time_s * SECOND, value=1.0),
            # Not even under the name of the evidence.
            finding(Layer.JUDGE, never, Effect.SUCCESS, time_s * SECOND, value=1.0),
            *reviewed(time_s),
        )
        for time_s, moment in enumerate(story, start=1)
    ]
    silenced = [
        tuple(
            replace(found, effect=Effect.NEUTRAL) if found.name == never and found.layer is not Layer.JUDGE else found
            for found in moment
        )
        for moment in flattered
    ]
    assert State.SUCCEEDED not in {decision.state for decision in run(silenced, limits)}


@given(stories(), st.sampled_from([LIMITS, CONFIRMED]))
def test_a_judge_that_has_never_said_anything_but_complete_gets_nothing_where_only_motion_is_asked_for(
    story: list[Moment], limits: GateLimits
) -> None:
    flattered = [
        tuple(
            replace(found, effect=Effect.SUCCESS) if found.name == "judge_success" and not of_review(found) else found
            for found in moment
        )
        for moment in story
    ]
    assert State.SUCCEEDED not in {decision.state for decision in run(flattered, limits, FRESH)}


@given(stories(), every_limits)
def test_without_the_judge_there_is_no_success(story: list[Moment], limits: GateLimits) -> None:
    unjudged = [
        tuple(found for found in moment if found.layer is not Layer.JUDGE or of_review(found)) for moment in story
    ]
    assert State.SUCCEEDED not in {decision.state for decision in run(unjudged, limits)}


@given(stories(), every_limits)
def test_success_only_where_judge_and_evidence_speak_and_nothing_speaks_against_it(
    story: list[Moment], limits: GateLimits
) -> None:
    for moment, decision in zip(story, run(story, limits), strict=True):
        if decision.state is not State.SUCCEEDED:
            continue
        speaking = {found.name for found in decision.decided_by if found.effect is Effect.SUCCESS}
        assert speaking >= {"judge_success", *limits.success_evidence}
        against = {Effect.FAILURE, Effect.REGRESS}
        assert not [found for found in moment if found.effect in against]
        blind = [found for found in moment if found.effect is Effect.BLIND and not of_review(found)]
        assert all(found.layer is Layer.EVENT for found in blind)


@given(stories(), every_limits)
def test_what_is_blind_is_named_and_unknown_unless_it_has_failed(story: list[Moment], limits: GateLimits) -> None:
    for moment, decision in zip(story, run(story, limits), strict=True):
        blind = {
            found.layer
            for found in moment
            if found.effect is Effect.BLIND and found.layer is not Layer.EVENT and not of_review(found)
        }
        assert blind <= set(decision.missing_layers)
        if blind:
            assert decision.state in (State.UNKNOWN, State.FAILED)
        if blind and decision.state is State.UNKNOWN:
            assert all(f"Missing layer: {layer.name.lower()}." in decision.reason for layer in blind)


@given(stories(), every_limits)
def test_lasting_blindness_and_lesser_failures_are_held_and_never_make_an_episode_failed(
    story: list[Moment], limits: GateLimits
) -> None:
    lesser = [
        tuple(
            replace(found, severity=min(found.severity, Severity.WARNING), mode=FailureMode.SPILL)
            if found.effect is Effect.FAILURE
            else found
            for found in moment
        )
        for moment in story
    ]
    limits = replace(limits, severities={**DECLARED.severities, FailureMode.CAMERA_FAULT: Severity.CRITICAL})
    for decision, memory in remembered(lesser, limits):
        assert decision.state is not State.FAILED
        assert decision.state is not State.SUCCEEDED or not memory.open


@given(stories(), st.data(), every_limits)
def test_a_failure_more_never_improves_anything(story: list[Moment], data: st.DataObject, limits: GateLimits) -> None:
    place = data.draw(st.integers(0, len(story) - 1))
    layer, name = data.draw(st.sampled_from([*DECLARED.monitors, (Layer.HEALTH, "trouble"), (Layer.EVENT, "trouble")]))
    more = finding(
        layer, name, Effect.FAILURE, (place + 1) * SECOND, severity=data.draw(severities), mode=data.draw(modes)
    )
    worse = list(story)
    instead = data.draw(st.booleans())
    fine = (Effect.NEUTRAL, Effect.SUCCESS)
    kept = [found for found in story[place] if not (instead and found.name == name and found.effect in fine)]
    worse[place] = (*kept, more)
    start = data.draw(starts)
    compare(run(story, limits, start), run(worse, limits, start))


@given(stories(), st.data(), every_limits)
def test_a_failure_that_gets_worse_never_improves_anything(
    story: list[Moment], data: st.DataObject, limits: GateLimits
) -> None:
    place = data.draw(st.integers(0, len(story) - 1))
    worse = list(story)
    worse[place] = tuple(
        replace(found, severity=Severity.CRITICAL) if found.effect is Effect.FAILURE else found
        for found in story[place]
    )
    start = data.draw(starts)
    compare(run(story, limits, start), run(worse, limits, start))


@given(stories(), st.data(), every_limits)
def test_evidence_less_never_improves_anything(story: list[Moment], data: st.DataObject, limits: GateLimits) -> None:
    """Once, or from then on."""
    place = data.draw(st.integers(0, len(story) - 1))
    good = [found for found in story[place] if found.effect in (Effect.SUCCESS, Effect.NEUTRAL)]
    assume(good)
    lost = data.draw(st.sampled_from(good))
    until = data.draw(st.sampled_from([place + 1, len(story)]))

    def is_lost(found: Finding) -> bool:
        same = (found.layer, found.name, found.source) == (lost.layer, lost.name, lost.source)
        return same and found.effect in (Effect.SUCCESS, Effect.NEUTRAL)

    worse = [
        tuple(found for found in moment if not (place <= index < until and is_lost(found)))
        for index, moment in enumerate(story)
    ]
    start = data.draw(starts)
    compare(run(story, limits, start), run(worse, limits, start))


@given(stories(), st.data(), every_limits)
def test_blindness_more_never_improves_anything(story: list[Moment], data: st.DataObject, limits: GateLimits) -> None:
    place = data.draw(st.integers(0, len(story) - 1))
    layer = data.draw(st.sampled_from(list(Layer)))
    name = data.draw(st.sampled_from(["joint_motion", "grasp_held", "force_limit", "camera_silent"]))
    source = data.draw(st.sampled_from(["", "front", "force"]))
    worse = list(story)
    worse[place] = (*worse[place], finding(layer, name, Effect.BLIND, (place + 1) * SECOND, source))
    start = data.draw(starts)
    compare(run(story, limits, start), run(worse, limits, start))


@given(stories(), st.data(), every_limits)
def test_a_failure_more_in_a_review_never_improves_anything(
    story: list[Moment], data: st.DataObject, limits: GateLimits
) -> None:
    place = data.draw(st.integers(0, len(story) - 1))
    quiet = [found for found in story[place] if not (of_review(found) and found.name == "judge_failure")]
    failing = [found for found in reviewed(place + 1, failing=True) if found.name == "judge_failure"]
    whole = data.draw(st.booleans())
    before = [found for found in story[place] if not (whole and of_review(found))]
    worse = list(story)
    worse[place] = (*before, *reviewed(place + 1, complete=False, failing=True)) if whole else (*quiet, *failing)
    start = data.draw(starts)
    compare(run(story, limits, start), run(worse, limits, start))


@given(stories(), st.data(), every_limits)
def test_a_review_less_never_improves_anything(story: list[Moment], data: st.DataObject, limits: GateLimits) -> None:
    """One that spoke for a failure is another matter: what nobody has seen is not held against the episode."""
    place = data.draw(st.integers(0, len(story) - 1))
    lost = [found for found in story[place] if of_review(found)]
    assume(all(found.effect is not Effect.FAILURE for found in lost))
    instead = data.draw(st.sampled_from([(), no_review(place + 1), no_review(place + 1, "judge_declined")]))
    worse = list(story)
    worse[place] = (*[found for found in story[place] if not of_review(found)], *instead)
    start = data.draw(starts)
    compare(run(story, limits, start), run(worse, limits, start))


@given(stories(), st.data(), every_limits)
def test_a_review_that_falls_silent_takes_nothing_back(
    story: list[Moment], data: st.DataObject, limits: GateLimits
) -> None:
    """Against the same review still saying what it last said, as long as nothing newer comes."""
    place = data.draw(st.integers(0, len(story) - 1))
    said = reviewed(place + 1, data.draw(st.booleans()), data.draw(st.booleans()))
    kept = [tuple(found for found in moment if not of_review(found)) for moment in story]
    spoken = kept[:place] + [(*moment, *said) for moment in kept[place:]]
    silent = [*kept[:place], (*kept[place], *said), *[(*moment, *no_review(1)) for moment in kept[place + 1 :]]]
    start = data.draw(starts)
    compare(run(spoken, limits, start), run(silent, limits, start))


def compare(better: list[Decision], worse: list[Decision]) -> None:
    for one, other in zip(better, worse, strict=True):
        assert GOODNESS[other.state] <= GOODNESS[one.state]


@given(stories(), st.randoms(use_true_random=False), every_limits)
def test_the_order_of_findings_does_not_matter(story: list[Moment], random: Random, limits: GateLimits) -> None:
    shuffled = [tuple(random.sample(moment, len(moment))) for moment in story]
    assert remembered(story, limits) == remembered(shuffled, limits)


@given(stories(), every_limits)
def test_weighing_findings_twice_changes_nothing(story: list[Moment], limits: GateLimits) -> None:
    twice = [moment for moment in story for _ in range(2)]
    assert remembered(story, limits) == remembered(twice, limits)[1::2]


@given(stories(), st.integers(-SECOND // 2, 10**18), every_limits)
def test_only_differences_of_stamps_matter(story: list[Moment], shift_ns: int, limits: GateLimits) -> None:
    shifted = [tuple(moved(found, shift_ns) for found in moment) for moment in story]
    for one, other in zip(run(story, limits), run(shifted, limits), strict=True):
        assert other == replace(
            one,
            decided_by=tuple(moved(found, shift_ns) for found in one.decided_by),
            overruled=tuple(moved(found, shift_ns) for found in one.overruled),
        )


def moved(found: Finding, shift_ns: int) -> Finding:
    return replace(found, stamp_ns=found.stamp_ns + shift_ns)


@given(stories(), every_limits)
def test_every_decision_has_a_reason_and_decides_by_what_was_found(story: list[Moment], limits: GateLimits) -> None:
    everything = {found for moment in story for found in rated(moment, limits)}
    for decision in run(story, limits):
        assert decision.reason
        assert set(decision.decided_by) <= everything
        assert not set(decision.decided_by) & set(decision.overruled)
