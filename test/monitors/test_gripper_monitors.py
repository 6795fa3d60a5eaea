from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.grasp import Grasp
from vlm_judge_ros.monitors.grasp_missed import GraspMissed
from vlm_judge_ros.monitors.monitor import EpisodeContext, MonitorSpec
from vlm_judge_ros.monitors.object_lost import ObjectLost
from vlm_judge_ros.monitors.released_at_goal import ReleasedAtGoal

START_NS = 1_700_000_000 * 1_000_000_000
OPEN, HALF, SHUT = 0.0, 0.6, 1.0
PICK = ((0.5, OPEN), (0.4, HALF), (1.0, HALF))
"""Open for 0.5 s, closed onto something within 0.4 s, held for 1 s."""
GOAL = {"signals": ("hand_x", "hand_y"), "goal_m": (0.4, -0.2), "radius_m": 0.05}


class Stage:
    """Plays the closure of a gripper, in readings of any direction and unit, to a monitor."""

    def __init__(self, kind: type[MonitorSpec], period_s: float = 0.01, noise: float = 0.0, **fields: Any) -> None:
        ends = {"open_at": 0.08, "closed_at": 0.0}
        self.spec = kind.model_validate({"kind": KINDS[kind], "name": "gripper", "signal": "width", **ends, **fields})
        self.monitor = self.spec.make(EpisodeContext(START_NS, (), {"width": "m"}))
        self.open_at, self.closed_at = fields.get("open_at", 0.08), fields.get("closed_at", 0.0)
        self.period_s, self.noise, self.time_s, self.closure = period_s, noise, 0.0, OPEN
        self.random = random.Random(5)
        self.alarms: list[float] = []

    @property
    def now_ns(self) -> int:
        return START_NS + nanoseconds(self.time_s)

    def play(self, moves: Iterable[tuple[float, float]], **others: float) -> Finding:
        """Go to each closure within a time, other signals standing; return what is found then."""
        for duration_s, closure in moves:
            steps, before = max(1, round(duration_s / self.period_s)), self.closure
            for step in range(1, steps + 1):
                self.time_s += self.period_s
                self.closure = before + (closure - before) * step / steps
                noisy = self.closure + self.random.gauss(0.0, self.noise)
                reading = self.open_at + noisy * (self.closed_at - self.open_at)
                self.monitor.add_signals(SignalSample(self.now_ns, {"width": reading, **others}))
                if self.monitor.alarm:
                    self.alarms.append(self.time_s)
        return self.found()

    def found(self, later_s: float = 0.0) -> Finding:
        (finding,) = self.monitor.findings(self.now_ns + nanoseconds(later_s))
        return finding


KINDS: dict[type[MonitorSpec], str] = {
    Grasp: "grasp",
    GraspMissed: "grasp_missed",
    ObjectLost: "object_lost",
    ReleasedAtGoal: "released_at_goal",
}


@settings(max_examples=30)
@given(
    ends=st.sampled_from(((0.08, 0.0), (0.0, 0.8), (0.04, -0.01), (-1.0, 2.0))),
    object_closure=st.floats(0.2, 0.85),
    period_s=st.sampled_from((0.001, 0.01, 0.033, 0.1)),
    closing_s=st.floats(0.2, 2.0),
    noise=st.floats(0.0, 0.004),
)
def test_an_object_of_any_size_is_held_whichever_way_the_number_runs(
    ends: tuple[float, float], object_closure: float, period_s: float, closing_s: float, noise: float
) -> None:
    stage = Stage(Grasp, period_s, noise, open_at=ends[0], closed_at=ends[1])
    assert stage.play([(0.5, OPEN)]).effect is Effect.NEUTRAL
    held = stage.play([(closing_s, object_closure), (1.0, object_closure)])
    assert held.effect is Effect.SUCCESS
    assert held.unit == "m"
    assert stage.play([(0.3, OPEN), (0.5, OPEN)]).effect is Effect.NEUTRAL


@settings(max_examples=20)
@given(closing_s=st.floats(0.2, 2.0), period_s=st.sampled_from((0.001, 0.01, 0.1)), noise=st.floats(0.0, 0.004))
def test_closing_on_nothing_is_a_missed_grasp_and_never_a_held_one(
    closing_s: float, period_s: float, noise: float
) -> None:
    moves = [(0.5, OPEN), (closing_s, SHUT), (2.0, SHUT)]
    assert Stage(Grasp, period_s, noise).play(moves).effect is Effect.NEUTRAL
    missed = Stage(GraspMissed, period_s, noise).play(moves)
    assert (missed.effect, missed.mode) == (Effect.FAILURE, FailureMode.GRASP_MISSED)
    assert missed.onset_ns is not None
    assert -0.05 <= (missed.onset_ns - START_NS) * 1e-9 - (0.5 + closing_s * 0.9) <= 0.1 * closing_s + 0.15
    assert Stage(ObjectLost, period_s, noise).play(moves).effect is Effect.NEUTRAL


@settings(max_examples=20)
@given(period_s=st.sampled_from((0.001, 0.01, 0.1)), noise=st.floats(0.0, 0.004))
def test_a_gripper_that_runs_on_to_its_end_stop_has_dropped_what_it_held(period_s: float, noise: float) -> None:
    moves = [*PICK, (0.2, SHUT), (0.5, SHUT)]
    dropped = Stage(ObjectLost, period_s, noise).play(moves)
    assert (dropped.effect, dropped.mode) == (Effect.FAILURE, FailureMode.OBJECT_DROPPED)
    assert "ran on" in dropped.text
    assert Stage(Grasp, period_s, noise).play(moves).effect is Effect.NEUTRAL
    assert Stage(GraspMissed, period_s, noise).play([*moves, (2.0, SHUT)]).effect is Effect.NEUTRAL


def test_the_alarm_of_a_dropped_object_comes_with_the_end_stop_and_ends_with_the_next_grasp() -> None:
    stage = Stage(ObjectLost)
    stage.play([*PICK, (0.2, SHUT), (0.5, SHUT)])
    assert stage.alarms[0] == pytest.approx(2.05, abs=0.08)
    stage.play([(0.3, OPEN)])
    assert stage.monitor.alarm
    assert stage.play(PICK).effect is Effect.NEUTRAL
    assert not stage.monitor.alarm


def test_one_wrong_reading_neither_loses_nor_holds_anything() -> None:
    stage = Stage(ObjectLost)
    stage.play(PICK)
    for reading in (0.0, 0.08, -5.0, math.nan, math.inf, -math.inf):
        stage.time_s += 0.01
        stage.monitor.add_signals(SignalSample(stage.now_ns, {"width": reading}))
        assert stage.play([(0.5, HALF)]).effect is Effect.NEUTRAL
    assert stage.alarms == []


def test_opening_on_purpose_is_no_loss_unless_the_task_says_where_it_may_happen() -> None:
    moves = [*PICK, (0.3, OPEN), (0.5, OPEN)]
    assert Stage(ObjectLost).play(moves).effect is Effect.NEUTRAL
    never = Stage(ObjectLost, release="never").play(moves)
    assert (never.effect, never.mode) == (Effect.FAILURE, FailureMode.OBJECT_DROPPED)
    at_place = {"release": "at_place", "place": GOAL}
    assert Stage(ObjectLost, **at_place).play(moves, hand_x=0.41, hand_y=-0.2).effect is Effect.NEUTRAL
    away = Stage(ObjectLost, **at_place).play(moves, hand_x=0.1, hand_y=-0.2)
    assert away.effect is Effect.FAILURE
    assert "0.30 m from the goal" in away.text


def test_effort_tells_a_held_object_from_a_gripper_that_stopped_half_way() -> None:
    effort = {"effort_signal": "force", "effort_min": 5.0}
    assert Stage(Grasp, **effort).play(PICK, force=0.4).effect is Effect.NEUTRAL
    assert Stage(Grasp, **effort).play(PICK, force=-8.0).effect is Effect.SUCCESS
    lost = Stage(ObjectLost, **effort)
    assert lost.play(PICK, force=8.0).effect is Effect.NEUTRAL
    assert lost.play([(0.2, HALF)], force=0.0).effect is Effect.NEUTRAL
    assert lost.play([(0.2, HALF)], force=8.0).effect is Effect.NEUTRAL
    gone = lost.play([(0.4, HALF)], force=0.1)
    assert gone.effect is Effect.FAILURE
    assert "no longer presses" in gone.text
    assert lost.play([(0.5, HALF)], force=8.0).effect is Effect.NEUTRAL


def test_effort_that_vanishes_because_the_gripper_opens_is_a_release() -> None:
    stage = Stage(ObjectLost, effort_signal="force", effort_min=5.0)
    stage.play(PICK, force=8.0)
    assert stage.play([(0.1, HALF), (0.3, OPEN), (1.0, OPEN)], force=0.0).effect is Effect.NEUTRAL
    assert stage.alarms == []


def test_a_command_to_close_further_shows_what_is_held_without_effort_even_from_the_start() -> None:
    stage = Stage(Grasp, command_signal="told")
    stage.closure = HALF
    assert stage.play([(1.0, HALF)], told=0.0).effect is Effect.SUCCESS
    assert Stage(Grasp, command_signal="told").play(PICK, told=0.08 * (1 - HALF)).effect is Effect.NEUTRAL


def test_what_is_held_is_not_known_without_its_signals_or_from_old_ones() -> None:
    stage = Stage(Grasp, effort_signal="force", effort_min=5.0)
    assert stage.found().effect is Effect.BLIND
    assert stage.play(PICK).effect is Effect.BLIND
    stage = Stage(Grasp)
    assert stage.play(PICK).effect is Effect.SUCCESS
    assert stage.found(later_s=0.4).effect is Effect.SUCCESS
    assert stage.found(later_s=0.6).effect is Effect.BLIND
    assert stage.found(later_s=-0.6).effect is Effect.BLIND


def test_a_grasp_may_be_missed_as_often_as_the_task_allows() -> None:
    miss = [(0.4, SHUT), (0.5, SHUT), (0.4, OPEN), (0.5, OPEN)]
    stage = Stage(GraspMissed, tries=2, after_s=0.4)
    assert stage.play([(0.5, OPEN), *miss]).effect is Effect.NEUTRAL
    assert stage.play(miss).effect is Effect.FAILURE
    assert stage.play(PICK).effect is Effect.NEUTRAL
    assert stage.play(miss).effect is Effect.NEUTRAL


def test_a_gripper_that_closes_empty_after_a_release_missed_nothing_unless_the_task_says_so() -> None:
    moves = [*PICK, (0.4, OPEN), (0.5, OPEN), (0.4, SHUT), (2.0, SHUT)]
    assert Stage(GraspMissed).play(moves).effect is Effect.NEUTRAL
    assert Stage(GraspMissed, after_release=True).play(moves).effect is Effect.FAILURE


def test_a_gripper_that_starts_closed_missed_nothing() -> None:
    stage = Stage(GraspMissed)
    stage.closure = SHUT
    assert stage.play([(3.0, SHUT)]).effect is Effect.NEUTRAL


def test_a_release_counts_after_it_settled_and_until_something_is_held_again() -> None:
    stage = Stage(ReleasedAtGoal)
    assert stage.play(PICK).effect is Effect.NEUTRAL
    assert stage.play([(0.3, OPEN)]).effect is Effect.NEUTRAL
    assert stage.play([(0.5, OPEN)]).effect is Effect.SUCCESS
    assert stage.play([(0.5, SHUT), (2.0, SHUT)]).effect is Effect.SUCCESS
    assert stage.play([(0.5, OPEN), *PICK]).effect is Effect.NEUTRAL


@pytest.mark.parametrize("goal", [GOAL, {**GOAL, "radius_m": None, "box_m": (0.05, 0.02)}])
def test_a_release_has_to_be_at_the_goal(goal: dict[str, Any]) -> None:
    moves = [*PICK, (0.3, OPEN), (1.0, OPEN)]
    assert Stage(ReleasedAtGoal, place=goal).play(moves, hand_x=0.39, hand_y=-0.2).effect is Effect.SUCCESS
    away = Stage(ReleasedAtGoal, place=goal).play(moves, hand_x=0.39, hand_y=-0.1)
    assert away.effect is Effect.NEUTRAL
    assert "0.10 m from the goal" in away.text
    assert Stage(ReleasedAtGoal, place=goal).play(PICK).effect is Effect.BLIND


def test_the_hand_may_leave_the_goal_after_the_release_and_the_object_may_not() -> None:
    opened = [(0.3, OPEN), (1.0, OPEN)]
    for stays, effect in ((False, Effect.SUCCESS), (True, Effect.NEUTRAL)):
        stage = Stage(ReleasedAtGoal, place=GOAL, place_stays=stays)
        stage.play([*PICK, *opened], hand_x=0.4, hand_y=-0.2)
        assert stage.play([(0.5, OPEN)], hand_x=0.1, hand_y=-0.2).effect is effect


@given(
    readings=st.lists(
        st.tuples(st.integers(-1_000_000_000, 1_000_000_000), st.floats(allow_nan=True, allow_infinity=True)),
        max_size=60,
    )
)
def test_no_stamp_and_no_number_does_harm(readings: list[tuple[int, float]]) -> None:
    for kind in KINDS:
        stage = Stage(kind)
        stage.play([(0.5, OPEN)])
        for offset_ns, reading in readings:
            stage.monitor.add_signals(SignalSample(stage.now_ns + offset_ns, {"width": reading}))
            assert stage.found().text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"open_at": 0.1, "closed_at": 0.1}, "readings at the two end stops"),
        ({"least_closure_share": 0.95}, "no room"),
        ({"effort_min": 3.0}, "effort_signal"),
        ({"release": "at_place"}, "place"),
    ],
)
def test_a_gripper_that_cannot_work_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Stage(ObjectLost, **fields)
