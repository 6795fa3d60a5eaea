"""What an ensemble says of what its members say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from judges.shown_episode import evidence as seen

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.agreement import Agreed, Voice, agree
from vlm_judge_ros.judges.ensemble_file import Rules
from vlm_judge_ros.judges.opinion import Critique, JudgeProvenance, Opinion, SubtaskOpinion

EVIDENCE = seen([0.1, 0.5])
SOURCE = JudgeProvenance("known", "0123456789abcdef", "cpu", "scripted", calibration="c1")


def voice(name: str, weight: float = 1.0, **said: Any) -> Voice:
    return Voice(name, weight, Opinion(EVIDENCE, SOURCE, **said))


def said(*voices: Voice, **rules: float) -> Agreed:
    return agree(voices, Rules(**rules))


def test_progress_is_the_weighted_mean_and_the_spread_its_interval() -> None:
    agreed = said(voice("a", 3.0, progress=0.4), voice("b", 1.0, progress=0.6))
    assert agreed.progress == pytest.approx(0.45)
    assert agreed.spread == pytest.approx(math.sqrt(0.75 * 0.05**2 + 0.25 * 0.15**2))
    assert agreed.progress_high - agreed.progress == pytest.approx(agreed.spread)
    assert agreed.reason == "a 40%, b 60%."


def test_intervals_of_the_members_are_kept_where_they_are_wider() -> None:
    wide = {"progress": 0.5, "progress_low": 0.2, "progress_high": 0.8}
    agreed = said(voice("a", **wide), voice("b", **wide), voice("c", progress=0.5))
    assert (agreed.progress_low, agreed.progress_high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_progress_on_which_they_disagree_is_not_said() -> None:
    agreed = said(voice("near", progress=0.9), voice("far", progress=0.1))
    assert math.isnan(agreed.progress)
    assert agreed.reason == "The members disagree on progress (far 10%, near 90%)."
    assert not agreed.unparsable


def test_success_on_which_the_votes_are_divided_is_not_said() -> None:
    agreed = said(
        voice("a", progress=0.9, success_probability=0.95), voice("b", progress=0.8, success_probability=0.05)
    )
    assert math.isnan(agreed.progress)
    assert agreed.reason == "The members disagree on success (a 95%, b 5%)."


def test_dissent_lowers_success_and_does_not_talk_a_failure_away() -> None:
    agreed = said(
        *(voice(name, progress=0.9, success_probability=0.9, failure_probability=0.9) for name in "ab"),
        voice("c", progress=0.9, success_probability=0.1, failure_probability=0.1),
    )
    assert agreed.success_probability == pytest.approx((0.9 + 0.9 + 0.1) / 3)
    assert agreed.failure_probability == 0.9


def test_a_failure_that_they_agree_on_is_said_however_far_their_progress_differs() -> None:
    fails = {"failure_probability": 0.9, "failure_mode": FailureMode.OBJECT_DROPPED}
    agreed = said(voice("a", progress=0.1, **fails), voice("b", progress=0.9, **fails))
    assert agreed.failure_probability == 0.9
    assert agreed.failure_mode is FailureMode.OBJECT_DROPPED
    assert (agreed.progress, agreed.progress_low, agreed.progress_high) == (0.5, pytest.approx(0.1), pytest.approx(0.9))


def test_unsure_members_do_not_vote() -> None:
    sure, unsure = {"progress": 0.9, "success_probability": 0.9}, {"progress": 0.9, "success_probability": 0.45}
    assert "disagree" not in said(voice("a", **sure), voice("b", **unsure)).reason
    assert "disagree" in said(voice("a", **sure), voice("b", **unsure), min_confidence=0.5).reason


def test_success_needs_enough_members_that_can_speak_of_it() -> None:
    able = voice("a", progress=0.9, success_probability=0.99)
    mute = [voice(name, progress=0.9) for name in "bc"]
    assert math.isnan(said(able, *mute).success_probability)
    assert said(able, *mute, quorum=0.3).success_probability == 0.99
    assert said(voice("a", progress=0.9, failure_probability=0.9), *mute).failure_probability == 0.9


def test_the_mode_is_that_of_the_majority_of_those_that_see_a_failure() -> None:
    def fails(name: str, mode: FailureMode, probability: float = 0.9) -> Voice:
        return voice(name, progress=0.5, failure_probability=probability, failure_mode=mode)

    slip, stall, missed = FailureMode.SLIP, FailureMode.STALL, FailureMode.GRASP_MISSED
    assert said(fails("a", slip), fails("b", slip), fails("c", stall)).failure_mode is slip
    assert said(fails("a", slip), fails("b", missed), fails("c", stall)).failure_mode is FailureMode.UNKNOWN
    assert said(fails("a", slip), fails("b", slip), fails("c", stall, 0.1)).failure_mode is slip
    assert said(fails("a", slip), voice("b", progress=0.5, failure_probability=0.8)).failure_mode is slip
    assert said(voice("b", progress=0.5, failure_probability=0.8)).failure_mode is FailureMode.UNKNOWN
    assert said(voice("b", progress=0.5)).failure_mode is FailureMode.NONE


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (Voice("c", 1.0, None, "The server is gone."), "c: The server is gone."),
        (voice("c", reason="It is dark."), "c: It is dark."),
        (voice("c", unparsable=True, reason="No JSON."), "c: unparsable, No JSON."),
        (voice("c"), "c: it gave no reason"),
    ],
)
def test_a_member_that_cannot_say_is_left_out_and_named(lost: Voice, words: str) -> None:
    agreed = said(voice("a", progress=0.4), voice("b", progress=0.5), lost)
    assert agreed.progress == pytest.approx(0.45)
    assert f"a 40%, b 50%. Left out: {words}" in agreed.reason
    few = said(voice("a", progress=0.4), lost)
    assert math.isnan(few.progress)
    assert few.reason.startswith(f"Only 1 of 2 members can say; left out: {words}")
    assert few.unparsable is (lost.opinion is not None and lost.opinion.unparsable)


def test_steps_and_critique_are_those_of_the_heaviest_member_that_has_them() -> None:
    def steps(name: str) -> dict[str, Any]:
        return {"progress": 0.5, "subtasks": (SubtaskOpinion(name, 1.0),), "critique": Critique(advice=name)}

    agreed = said(voice("a", 9.0, progress=0.5), voice("b", 1.0, **steps("light")), voice("c", 2.0, **steps("heavy")))
    assert agreed.subtasks[0].name == "heavy"
    assert agreed.critique is not None
    assert agreed.critique.advice == "heavy"


share = st.floats(0.0, 1.0)
maybe = st.one_of(share, st.just(math.nan))
modes = st.sampled_from([FailureMode.NONE, FailureMode.SLIP, FailureMode.STALL])


@st.composite
def voices(draw: st.DrawFn, least: int = 1) -> list[Voice]:
    drawn = []
    for index in range(draw(st.integers(least, 5))):
        said = {
            "progress": draw(maybe),
            "success_probability": draw(maybe),
            "failure_probability": draw(maybe),
            "failure_mode": draw(modes),
            "calibrated": draw(st.booleans()),
        }
        drawn.append(voice(f"m{index}", draw(st.floats(0.1, 5.0)), **said))
    return drawn


rules = st.builds(
    Rules,
    quorum=st.floats(0.1, 1.0),
    max_spread=st.floats(0.0, 0.5),
    min_confidence=st.floats(0.5, 1.0),
    min_agreement=st.floats(0.5, 1.0),
)


@given(voices(), rules, st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(members: list[Voice], rules: Rules, random: Any) -> None:
    turned = list(members)
    random.shuffle(turned)
    assert repr(agree(turned, rules)) == repr(agree(members, rules))


@given(voices(), rules)
def test_what_is_said_are_shares_within_what_the_members_say(members: list[Voice], rules: Rules) -> None:
    agreed = agree(members, rules)
    for name in ("progress", "success_probability", "failure_probability"):
        value = getattr(agreed, name)
        opinions = [voice.opinion for voice in members if voice.opinion is not None and not voice.left_out]
        values = [number for opinion in opinions if not math.isnan(number := getattr(opinion, name))]
        assert math.isnan(value) or min(values) <= value <= max(values)
    if not math.isnan(agreed.progress_low):
        assert 0.0 <= agreed.progress_low <= agreed.progress <= agreed.progress_high <= 1.0


@given(share, maybe, maybe, modes, st.lists(st.floats(0.1, 5.0), min_size=1, max_size=5), rules)
def test_members_that_agree_in_full_are_like_one_of_them(
    progress: float, success: float, failure: float, mode: FailureMode, weights: list[float], rules: Rules
) -> None:
    member = {
        "progress": progress,
        "success_probability": success,
        "failure_probability": failure,
        "failure_mode": mode if failure >= 0.5 else FailureMode.NONE,
        "progress_low": max(0.0, progress - 0.1),
        "progress_high": min(1.0, progress + 0.1),
        "calibrated": True,
        "novelty": 0.3,
    }
    if failure >= 0.5 and mode is FailureMode.NONE:
        member["failure_mode"] = FailureMode.UNKNOWN
    agreed = agree([voice(f"m{index}", weight, **member) for index, weight in enumerate(weights)], rules)
    for name, value in member.items():
        assert getattr(agreed, name) == pytest.approx(value, nan_ok=True), name


@given(st.lists(st.floats(0.0, 0.5), min_size=2, max_size=5), share, share, rules)
def test_one_outlier_cannot_turn_success_on(calm: list[float], outlier: float, progress: float, rules: Rules) -> None:
    members = [voice(f"m{index}", progress=progress, success_probability=value) for index, value in enumerate(calm)]
    agreed = agree([*members, voice("outlier", progress=progress, success_probability=outlier)], rules)
    assert math.isnan(agreed.success_probability) or agreed.success_probability <= max(calm)


@given(st.lists(share, min_size=3, max_size=5), st.integers(0, 4), share, rules)
def test_a_member_that_becomes_surer_of_success_never_lowers_it(
    values: list[float], index: int, higher: float, rules: Rules
) -> None:
    index %= len(values)
    assume(higher >= values[index])

    def of(values: Sequence[float]) -> Agreed:
        return agree([voice(f"m{i}", progress=0.5, success_probability=value) for i, value in enumerate(values)], rules)

    before, after = of(values), of([*values[:index], higher, *values[index + 1 :]])
    if not (math.isnan(before.success_probability) or math.isnan(after.success_probability)):
        assert after.success_probability >= before.success_probability - 1e-12
