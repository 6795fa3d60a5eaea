"""When the robot stops, and when it may move again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.safety.cause import Cause, Moment
from vlm_judge_ros.safety.guard import Guard, ResetRefused
from vlm_judge_ros.safety.heartbeat import FailureNews, Heartbeat
from vlm_judge_ros.safety.settings import WatchSettings

SETTINGS = WatchSettings(judge="/judge_node", startup_grace_s=20.0, source_timeouts_s={"/front": 2.0})
BAD = FailureNews("one", 1, True, Severity.ERROR, FailureMode.OBJECT_DROPPED, "The cup fell.")


def at(seconds: float) -> Moment:
    # Far from the steady clock, as node clocks are.
    return Moment(round(seconds * 1e9), round((seconds + 1.7e9) * 1e9))


def beat(count: int, seconds: float, episode: str = "one", age_s: float = 0.1, **more: object) -> Heartbeat:
    stamp_ns = at(seconds).stamp_ns
    evidence_ns = stamp_ns - round(age_s * 1e9) if episode else 0
    plain = Heartbeat(count, stamp_ns, episode, not episode, "It goes well.", evidence_ns, None)
    return replace(plain, **more)  # type: ignore[arg-type]


class Story:
    """A judge node that beats ten times a second and a camera, which go on until told otherwise."""

    def __init__(self, settings: WatchSettings = SETTINGS) -> None:
        self.guard = Guard(settings, at(0))
        self.now_s = 0.0
        self.count = 0
        self.silent: set[str] = set()

    def go_on(self, seconds: float, **more: object) -> Story:
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            if "judge" not in self.silent:
                self.count += 1
                self.guard.add_heartbeat(beat(self.count, self.now_s, **more), at(self.now_s))  # type: ignore[arg-type]
            if "camera" not in self.silent:
                self.guard.add_source("/front", at(self.now_s))
            self.guard.check(at(self.now_s))
        return self

    @property
    def causes(self) -> list[Cause]:
        return [reason.cause for reason in self.guard.stop.reasons] if self.guard.stop else []

    def reset(self) -> None:
        self.guard.check(at(self.now_s))
        self.guard.reset(at(self.now_s))


def test_nothing_stops_a_robot_that_is_watched_well() -> None:
    story = Story().go_on(30)
    assert story.guard.stop is None
    assert story.guard.standing(at(story.now_s)) == ()


def test_a_confirmed_failure_stops_in_the_same_call_and_is_named() -> None:
    story = Story().go_on(1)
    stop = story.guard.add_failure(BAD, at(1.0))
    assert stop is not None and stop.number == 1 and stop.moment == at(1.0)
    assert [(it.cause, it.source) for it in stop.reasons] == [(Cause.FAILURE, "OBJECT_DROPPED")]
    assert "The cup fell." in stop.text


@pytest.mark.parametrize("change", [{"confirmed": False}, {"severity": Severity.WARNING}])
def test_what_is_only_suspected_or_mild_does_not_stop(change: dict[str, object]) -> None:
    story = Story().go_on(1)
    assert story.guard.add_failure(replace(BAD, **change), at(1.0)) is None  # type: ignore[arg-type]


def test_a_failure_whose_message_was_lost_is_found_in_the_heartbeat() -> None:
    story = Story().go_on(1)
    stop = story.guard.add_heartbeat(beat(11, 1.1, failure=BAD), at(1.1))
    assert stop is not None and stop.reasons[0].source == "OBJECT_DROPPED"


def test_a_failure_of_an_episode_that_was_not_heard_of_yet_stops() -> None:
    story = Story().go_on(1)
    assert story.guard.add_failure(replace(BAD, episode_id="next"), at(1.0)) is not None
    story.go_on(0.3, episode="one")
    story.reset()  # The heartbeats tell of an episode without it.


def test_a_heartbeat_sent_before_the_failure_does_not_end_it() -> None:
    story = Story().go_on(1)
    story.guard.add_failure(BAD, at(1.0))
    story.go_on(0.1)
    with pytest.raises(ResetRefused, match="The cup fell"):
        story.reset()
    assert story.guard.stop is not None
    story.go_on(0.1)
    story.reset()
    assert story.guard.stop is None


def test_reset_is_refused_until_the_failure_has_healed_and_the_next_one_stops_again() -> None:
    story = Story().go_on(1)
    story.guard.add_failure(BAD, at(1.0))
    story.go_on(5, failure=BAD)
    with pytest.raises(ResetRefused):
        story.reset()
    story.guard.add_failure(replace(BAD, confirmed=False), at(story.now_s))
    story.reset()
    stop = story.guard.add_failure(replace(BAD, event_id=2), at(story.now_s))
    assert stop is not None and stop.number == 2 == story.guard.stops


def test_a_heartbeat_that_is_repeated_ends_no_failure() -> None:
    story = Story().go_on(1)
    story.guard.add_failure(BAD, at(1.0))
    for _ in range(5):
        story.guard.add_heartbeat(beat(story.count, 1.0), at(1.0))
    with pytest.raises(ResetRefused):
        story.reset()


def test_a_lesser_failure_stands_beside_the_worst_one() -> None:
    story = Story().go_on(1)
    story.guard.add_failure(BAD, at(1.0))
    worse = replace(BAD, event_id=2, severity=Severity.CRITICAL, mode=FailureMode.FALL)
    story.go_on(1, failure=worse)
    assert [reason.source for reason in story.guard.standing(at(story.now_s))] == ["FALL", "OBJECT_DROPPED"]
    story.go_on(0.1, failure=BAD)
    story.guard.add_failure(replace(worse, confirmed=False), at(story.now_s))
    assert [reason.source for reason in story.guard.standing(at(story.now_s))] == ["OBJECT_DROPPED"]


def test_a_silent_judge_stops_past_its_timeout_whatever_the_node_clock_says() -> None:
    story = Story().go_on(5)
    assert story.guard.check(Moment(at(5.49).steady_ns, 0)) is None
    stop = story.guard.check(Moment(at(5.61).steady_ns, 0))
    assert stop is not None and [reason.cause for reason in stop.reasons] == [Cause.HEARTBEAT_SILENT]
    assert stop.reasons[0].source == "/judge_node"
    with pytest.raises(ResetRefused, match="silent for"):
        story.guard.reset(at(6.0))
    story.go_on(0.1)
    story.reset()


def test_heartbeats_whose_count_does_not_rise_are_no_sign_of_life() -> None:
    story = Story().go_on(1)
    stop = None
    for turn in range(1, 8):
        stop = stop or story.guard.add_heartbeat(beat(10, 1.0), at(1 + turn * 0.1))
    assert stop is not None and "repeat number 10" in stop.text


def test_a_judge_that_was_started_anew_in_an_episode_stops_and_can_be_reset() -> None:
    story = Story().go_on(5)
    stop = story.guard.add_heartbeat(beat(1, 5.1, episode=""), at(5.1))
    assert stop is not None and stop.reasons[0].cause is Cause.HEARTBEAT_SILENT
    assert "from number 50 back to 1" in stop.text
    story.guard.reset(at(5.1))


def test_a_judge_that_was_started_anew_between_episodes_does_not_stop() -> None:
    story = Story().go_on(5, episode="")
    assert story.guard.add_heartbeat(beat(1, 5.1, episode=""), at(5.1)) is None


def test_heartbeats_out_of_order_stop_nothing_and_tell_nothing() -> None:
    story = Story().go_on(5)
    for late in (49, 47, 31):
        tells = {"failure": BAD, "unknown": True}
        assert story.guard.add_heartbeat(beat(late, late / 10, **tells), at(5.0)) is None  # type: ignore[arg-type]
    assert story.go_on(3).guard.stop is None
    # They are no sign of life either.
    for turn in range(1, 8):
        story.guard.add_heartbeat(beat(79, 7.9), at(8 + turn * 0.1))
    assert story.causes == [Cause.HEARTBEAT_SILENT]


def test_a_heartbeat_that_was_overtaken_does_not_end_a_failure() -> None:
    story = Story().go_on(5, failure=BAD)
    for late in (48, 47, 46):
        story.guard.add_heartbeat(beat(late, late / 10), at(5.0))
    with pytest.raises(ResetRefused, match="The cup fell"):
        story.reset()


@pytest.mark.parametrize(("count", "stamp_s"), [(49, 5.1), (20, 2.0), (1, 0.1)])
def test_a_count_that_goes_back_in_any_other_way_is_another_judge(count: int, stamp_s: float) -> None:
    story = Story().go_on(5)
    stop = story.guard.add_heartbeat(beat(count, stamp_s), at(5.1))
    assert stop is not None and "there are two of it" in stop.text


def test_before_the_first_heartbeat_there_is_a_grace_and_then_a_stop() -> None:
    story = Story()
    story.silent = {"judge"}
    assert story.go_on(19.9).guard.stop is None
    assert story.go_on(0.3).causes == [Cause.HEARTBEAT_SILENT]
    assert story.guard.stop is not None and "was not heard" in story.guard.stop.text


def test_a_judge_that_is_not_required_at_start_is_watched_from_its_first_heartbeat_on() -> None:
    story = Story(replace(SETTINGS, require_judge_at_start=False))
    story.silent = {"judge"}
    assert story.go_on(100).guard.stop is None
    story.silent = set()
    story.go_on(1)
    story.silent = {"judge"}
    assert story.go_on(1).causes == [Cause.HEARTBEAT_SILENT]


def test_evidence_that_is_not_renewed_or_old_stops_only_while_an_episode_runs() -> None:
    fixed = at(0.5).stamp_ns
    assert Story().go_on(9, evidence_ns=fixed).causes == [Cause.VERDICT_SILENT]
    assert Story().go_on(1, age_s=8.5).causes == [Cause.VERDICT_SILENT]
    assert Story().go_on(30, episode="", evidence_ns=0).causes == []
    # The clock of the judge node stands still: stamps tell nothing, and arrivals do.
    assert Story().go_on(9, stamp_ns=fixed, evidence_ns=fixed).causes == [Cause.VERDICT_SILENT]


def test_a_clock_that_jumps_back_does_not_hide_old_evidence() -> None:
    story = Story().go_on(5)
    story.go_on(9, stamp_ns=1, evidence_ns=2)
    assert story.causes == [Cause.VERDICT_SILENT]


def test_an_unknown_verdict_stops_after_its_timeout_and_each_episode_counts_anew() -> None:
    story = Story().go_on(9, unknown=True).go_on(9, episode="two", unknown=True)
    assert story.causes == []
    assert story.go_on(2, episode="two", unknown=True).causes == [Cause.VERDICT_UNKNOWN]
    with pytest.raises(ResetRefused, match="UNKNOWN"):
        story.reset()
    story.go_on(0.1, episode="two")
    story.reset()


def test_a_silent_source_stops_and_is_named() -> None:
    story = Story().go_on(5)
    story.silent = {"camera"}
    assert story.go_on(2.0).causes == []
    assert story.go_on(0.2).causes == [Cause.SOURCE_SILENT]
    assert story.guard.stop is not None and story.guard.stop.reasons[0].source == "/front"


def test_a_source_that_was_never_heard_stops_after_the_grace() -> None:
    story = Story()
    story.silent = {"camera"}
    assert story.go_on(19.9).causes == []
    assert story.go_on(0.3).causes == [Cause.SOURCE_SILENT]


def test_several_causes_at_once_are_all_named_and_all_have_to_end() -> None:
    story = Story().go_on(1)
    story.silent = {"camera", "judge"}
    later = at(10.0)
    stop = story.guard.check(later)
    assert stop is not None
    assert [reason.cause for reason in stop.reasons] == [Cause.HEARTBEAT_SILENT, Cause.SOURCE_SILENT]
    story.guard.add_heartbeat(beat(99, 10.0), later)
    with pytest.raises(ResetRefused, match="/front"):
        story.guard.reset(later)


def test_a_request_stops_and_can_be_reset_at_once() -> None:
    story = Story().go_on(1)
    stop = story.guard.request("/stop_node/request_stop", "Somebody asked.", at(1.0))
    assert stop is not None and stop.reasons[0].cause is Cause.REQUEST
    assert story.guard.request("/again", "Somebody asked again.", at(1.0)) is None
    assert story.guard.reset(at(1.0)) is stop
    assert story.guard.reset(at(1.0)) is None


failures = st.none() | st.builds(
    FailureNews,
    st.sampled_from(["one", "two"]),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(Severity),
    st.sampled_from(FailureMode),
    st.just("Something."),
)
heartbeats = st.builds(
    Heartbeat,
    st.integers(0, 5),
    st.integers(-(10**18), 2 * 10**18),
    st.sampled_from(["", "one", "two"]),
    st.booleans(),
    st.just("Because."),
    st.integers(-(10**18), 2 * 10**18),
    failures,
)
events = st.tuples(
    st.floats(0, 30), st.one_of(heartbeats, failures, st.sampled_from(["source", "request", "reset", "check"]))
)


@given(st.lists(events, max_size=40))
def test_whatever_comes_a_stop_holds_until_a_reset_and_a_reset_needs_that_nothing_stands(
    story: list[tuple[float, object]],
) -> None:
    guard, now_s = Guard(SETTINGS, at(0)), 0.0
    for step_s, event in story:
        now_s += step_s
        now, before = at(now_s), guard.stop
        if isinstance(event, Heartbeat):
            new = guard.add_heartbeat(event, now)
        elif isinstance(event, FailureNews):
            new = guard.add_failure(event, now)
        elif event == "source":
            new = guard.add_source("/front", now)
        elif event == "request":
            new = guard.request("somebody", "Please.", now)
        elif event == "reset":
            new = guard.check(now)
            assert (new is None) or before is None
            standing = guard.standing(now)
            try:
                guard.reset(now)
                assert not standing and guard.stop is None
            except ResetRefused:
                assert standing and guard.stop is not None
            continue
        else:
            new = guard.check(now)
            assert (guard.stop is not None) or not guard.standing(now)
        if before is not None:
            assert guard.stop is before and new is None
        else:
            assert guard.stop is new
        if isinstance(event, FailureNews) and event.confirmed and event.severity >= Severity.ERROR:
            assert guard.stop is not None
        if isinstance(event, Heartbeat) and event.failure and event.failure.severity >= Severity.ERROR:
            assert guard.stop is not None
