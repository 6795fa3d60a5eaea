"""When the engine asks the second judge, and what becomes of its answers."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from scene import START_NS, Scene

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion, SubtaskOpinion, SubtaskState
from vlm_judge_ros.verdict.engine import EngineSettings
from vlm_judge_ros.verdict.failure import FailureStatus
from vlm_judge_ros.verdict.review import ReviewOn, ReviewRequest, ReviewSettings
from vlm_judge_ros.verdict.settings import KeyframeChoice
from vlm_judge_ros.verdict.verdict import State, Verdict

SECOND_JUDGE = JudgeProvenance("large", "1" * 16, "example.org", "critique")
ALARM, SUCCESS, TIMER = ReviewOn.ALARM, ReviewOn.SUCCESS, ReviewOn.TIMER


class ReviewedScene(Scene):
    """A scene with a second judge, which answers `delay_s` after it was asked as `verdict_of` says."""

    def __init__(self, *on: ReviewOn, delay_s: float = 0.5, **settings: float) -> None:
        self.asked: list[tuple[float, tuple[ReviewOn, ...]]] = []
        self.says: dict[str, object] = {"progress": 0.5, "success_probability": 0.1, "failure_probability": 0.1}
        self.fault = ""
        self.delay_s = delay_s
        self._open: list[tuple[float, ReviewRequest]] = []
        super().__init__(EngineSettings(review=ReviewSettings(on, **settings)))

    def _ask(self) -> None:
        super()._ask()
        request = self.engine.due_review(self.now_ns)
        if request is not None:
            self.asked.append((round(self.time_s, 1), request.on))
            self._open.append((self.time_s, request))
        while self._open and self.time_s >= self._open[0][0] + self.delay_s - 1e-6:
            self.answer_review(self._open.pop(0)[1])

    def answer_review(self, request: ReviewRequest) -> None:
        if self.fault:
            self.verdicts.append(self.engine.add_review_fault(self.now_ns, self.fault))
            return
        opinion = Opinion(request.evidence, SECOND_JUDGE, **self.says)  # type: ignore[arg-type]
        self.verdicts.append(self.engine.add_review(opinion, self.now_ns, 0.5))

    @property
    def asked_on(self) -> list[tuple[ReviewOn, ...]]:
        return [on for _, on in self.asked]

    @property
    def asked_at(self) -> list[float]:
        return [time_s for time_s, _ in self.asked]


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


def test_without_a_review_nothing_is_asked() -> None:
    scene = Scene()
    scene.run(20, progress=1.0, success_probability=1.0)
    assert scene.engine.due_review(scene.now_ns) is None
    assert scene.verdicts[-1].review == ()
    assert scene.verdicts[-1].review_provenance is None


def test_while_all_is_well_only_the_timer_asks() -> None:
    scene = ReviewedScene(ALARM, SUCCESS)
    timed = ReviewedScene(ALARM, SUCCESS, TIMER, period_s=7.0)
    for step in range(40):
        scene.run(1, progress=step / 50)
        timed.run(1, progress=step / 50)
    assert scene.asked == []
    assert timed.asked_on == [(TIMER,)] * 5
    assert all(gap == pytest.approx(7.0, abs=0.11) for gap in gaps(timed.asked_at))


@pytest.mark.parametrize(
    ("trouble", "wait_s"),
    [
        ({"failure_probability": 0.9}, 1.0),
        ({"progress": 0.1}, 2.0),
    ],
    ids=["failure", "lost progress"],
)
def test_a_finding_that_begins_is_an_alarm_once(trouble: dict[str, float], wait_s: float) -> None:
    scene = ReviewedScene(ALARM)
    scene.run(4, progress=0.5)
    assert scene.asked == []
    scene.run(4, **trouble)
    assert scene.asked_on == [(ALARM,)]
    assert scene.asked_at[0] == pytest.approx(4.0 + wait_s, abs=0.5)


def test_a_stall_is_an_alarm() -> None:
    scene = ReviewedScene(ALARM)
    scene.run(15, progress=0.5)
    assert scene.asked_on == [(ALARM,)]
    assert scene.verdicts[-1].state is State.STALLED


def test_a_judge_that_cannot_say_three_times_in_a_row_is_an_alarm() -> None:
    scene = ReviewedScene(ALARM)
    scene.run(3, progress=0.5)
    scene.run(2, progress=math.nan)
    scene.run(1, progress=0.5)
    assert scene.asked == []
    scene.run(3, progress=math.nan)
    assert scene.asked_on == [(ALARM,)]


def test_alarms_that_come_and_go_are_reviewed_no_oftener_than_the_gap() -> None:
    scene = ReviewedScene(ALARM, gap_s=4.0)
    for _ in range(12):
        scene.run(1, progress=0.5, failure_probability=0.9)
        scene.run(1, progress=0.6, failure_probability=0.1)
    assert len(scene.asked) >= 4
    assert min(gaps(scene.asked_at)) >= 4.0 - 1e-6


def test_no_review_is_asked_for_while_one_is_on_its_way() -> None:
    scene = ReviewedScene(TIMER, period_s=2.0, gap_s=0.5, delay_s=9.0, timeout_s=20.0)
    scene.run(30, progress=0.5)
    assert min(gaps(scene.asked_at)) >= 9.0 - 1e-6


def test_a_review_that_nobody_answers_is_given_up_when_it_would_no_longer_count() -> None:
    scene = ReviewedScene(TIMER, period_s=2.0, gap_s=0.5, delay_s=1e6, timeout_s=6.0)
    scene.run(20, progress=0.5)
    assert len(scene.asked) == 3
    assert scene.verdicts[-1].state is State.STALLED
    assert "review has not answered" in scene.verdicts[-1].reason


def test_success_waits_for_a_review_that_agrees() -> None:
    scene = ReviewedScene(SUCCESS)
    scene.run(3, progress=0.6)
    waiting = scene.run(4, progress=1.0, success_probability=0.95)
    assert waiting.state is State.PROGRESSING
    assert "the review has not confirmed it" in waiting.reason
    assert scene.asked_on == [(SUCCESS,)]
    scene.says = {"progress": 1.0, "success_probability": 0.9}
    verdict = scene.run(7)
    assert verdict.state is State.SUCCEEDED
    assert [(found.name, found.source) for found in verdict.decided_by if found.source == "review"]
    assert gaps(scene.asked_at) == [pytest.approx(5.0)]


def test_success_goes_on_while_it_is_confirmed_anew_in_time() -> None:
    scene = ReviewedScene(SUCCESS, timeout_s=10.0, gap_s=1.0)
    scene.says = {"progress": 1.0, "success_probability": 0.9}
    scene.run(5, progress=1.0, success_probability=0.95)
    before = len(scene.verdicts)
    scene.run(40)
    assert {verdict.state for verdict in scene.verdicts[before:]} == {State.SUCCEEDED}
    assert 4 <= len(scene.asked) <= 10


def test_without_a_review_that_can_tell_success_it_is_never_granted() -> None:
    scene = ReviewedScene(SUCCESS)
    scene.says = {"progress": 1.0}
    verdict = scene.run(20, progress=1.0, success_probability=0.95)
    assert State.SUCCEEDED not in {seen.state for seen in scene.verdicts}
    assert "cannot tell whether it is complete" in verdict.reason


def test_a_review_that_is_down_is_named_leaves_the_judge_its_verdict_and_is_tried_again() -> None:
    scene = ReviewedScene(ALARM, SUCCESS)
    scene.fault = "the server refused the connection"
    scene.run(4, progress=0.5)
    stalled = scene.run(12)
    assert stalled.state is State.STALLED
    assert "the server refused the connection" in stalled.reason
    assert [found.name for found in stalled.review] == ["judge_fault"]
    assert len(scene.asked) >= 2
    waiting = scene.run(6, progress=1.0, success_probability=1.0)
    assert waiting.state is State.PROGRESSING
    assert "the server refused the connection" in waiting.reason
    scene.fault, scene.says = "", {"progress": 1.0, "success_probability": 0.9}
    assert scene.run(6).state is State.SUCCEEDED


def test_a_judge_that_ends_when_nothing_was_asked_of_it_is_named_for_a_while_and_asked_nothing() -> None:
    scene = ReviewedScene(ALARM, timeout_s=6.0)
    scene.run(3, progress=0.5)
    scene.run(4, failure_probability=0.9)
    assert scene.asked_on == [(ALARM,)]
    scene.engine.add_review_fault(scene.now_ns, "the process ended")
    for step in range(12):
        verdict = scene.run(1, failure_probability=0.1, progress=0.6 + step / 50)
        assert ("the process ended" in verdict.reason) == (scene.time_s <= scene.asked_at[0] + 6.01)
    assert scene.asked_on == [(ALARM,)]


@pytest.mark.parametrize("unparsable", [True, False])
def test_a_review_that_cannot_say_is_named_and_does_not_confirm(unparsable: bool) -> None:
    scene = ReviewedScene(SUCCESS)
    scene.says = {"unparsable": unparsable, "reason": "no brace in it"}
    verdict = scene.run(5, progress=1.0, success_probability=0.95)
    assert verdict.state is State.PROGRESSING
    assert "no brace in it" in verdict.reason
    assert [found.name for found in verdict.review] == ["judge_unparsable" if unparsable else "judge_declined"]


def test_a_failure_that_only_the_review_sees_is_confirmed_by_a_second_one_and_heals_by_reviews() -> None:
    scene = ReviewedScene(TIMER, period_s=6.0, gap_s=2.0)
    scene.says = {
        "progress": 0.5,
        "success_probability": 0.1,
        "failure_probability": 0.9,
        "failure_mode": FailureMode.WRONG_OBJECT,
    }
    for step in range(10):
        scene.run(1, progress=0.1 + step / 50)
    assert scene.verdicts[-1].state is State.FAILED
    assert scene.verdicts[-1].failure_mode is FailureMode.WRONG_OBJECT
    assert scene.asked_on[:2] == [(TIMER,), (ALARM,)]
    assert gaps(scene.asked_at)[0] == pytest.approx(2.0)
    scene.fault = "gone"
    assert scene.run(10, progress=0.4).state is State.FAILED
    scene.fault, scene.says = "", {"progress": 0.5, "failure_probability": 0.1}
    assert scene.run(7, progress=0.6).state is State.PROGRESSING
    events = scene.engine.take_failures()
    assert [event.status for event in events] == [FailureStatus.FAILED, FailureStatus.CONFIRMED, FailureStatus.HEALED]
    assert {event.provenance.model for event in events} == {"large"}


def test_a_review_has_a_failure_threshold_of_its_own() -> None:
    scene = ReviewedScene(TIMER, period_s=3.0, gap_s=2.0, failure_threshold=0.95)
    scene.says = {"progress": 0.5, "failure_probability": 0.9}
    for step in range(12):
        scene.run(1, progress=0.1 + step / 50)
    assert len(scene.asked) >= 3
    assert State.FAILED not in {verdict.state for verdict in scene.verdicts}


def test_an_unconfirmed_failure_of_a_review_that_went_silent_still_withholds_success() -> None:
    scene = ReviewedScene(TIMER, period_s=3.0, timeout_s=5.0)
    scene.says = {"progress": 0.5, "failure_probability": 0.9}
    scene.run(4, progress=0.5)
    scene.fault = "gone"
    verdict = scene.run(30, progress=1.0, success_probability=0.95)
    assert verdict.state is State.PROGRESSING
    assert "A failure was seen" in verdict.reason


def test_a_review_of_another_episode_or_an_older_moment_changes_nothing_and_is_counted() -> None:
    scene = ReviewedScene(TIMER, period_s=2.0, gap_s=0.0)
    scene.run(3)
    old = scene.engine.review
    assert old is not None
    scene.run(6)
    scene.engine.add_review(old.opinion, scene.now_ns)
    scene.engine.end_episode(scene.now_ns)
    scene.engine.start_episode("two", "push", scene.now_ns)
    assert scene.engine.add_review(old.opinion, scene.now_ns).review == ()
    assert scene.engine.stale_reviews == 2
    assert scene.engine.review is None


def test_the_verdict_carries_where_both_answers_came_from() -> None:
    scene = ReviewedScene(TIMER, period_s=2.0)
    verdict = scene.run(5)
    assert verdict.provenance.model == "scripted"
    assert verdict.review_provenance is not None
    assert (verdict.review_provenance.model, verdict.review_provenance.latency_s) == ("large", 0.5)
    assert verdict.review_provenance.frames
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_a_review_tells_its_own_reward() -> None:
    scene = ReviewedScene(TIMER, period_s=2.0, gap_s=0.0)
    scene.run(3)
    assert scene.engine.review is not None
    assert math.isnan(scene.engine.review.reward)
    scene.says = {"progress": 0.7}
    scene.run(3)
    assert scene.engine.review.reward == pytest.approx(0.2)


def test_the_subtasks_are_those_of_the_newest_opinion_that_has_any() -> None:
    scene = ReviewedScene(TIMER, period_s=2.0)
    steps = (SubtaskOpinion("grasp", 0.5, 1.0, SubtaskState.DONE), SubtaskOpinion("lift", 0.5))
    scene.says = {"progress": 0.5, "subtasks": steps}
    verdict = scene.run(6)
    assert [(step.name, step.progress, step.state) for step in verdict.subtasks] == [
        ("grasp", 1.0, SubtaskState.DONE),
        ("lift", None, SubtaskState.UNKNOWN),
    ]


def test_a_blind_camera_is_waited_for() -> None:
    scene = ReviewedScene(TIMER, period_s=4.0)
    scene.run(2)
    scene.cameras = ("front",)
    scene.run(10)
    assert scene.asked == []
    scene.cameras = ("front", "wrist")
    scene.run(2)
    assert scene.asked_on == [(TIMER,)]


@pytest.mark.parametrize("choice", list(KeyframeChoice))
def test_requests_do_not_depend_on_how_often_somebody_looks(choice: KeyframeChoice) -> None:
    def story(looks: int) -> list[int]:
        settings = replace(EngineSettings(review=ReviewSettings((TIMER,), 3.0, 1.0)), keyframe_choice=choice)
        scene = Scene(settings)
        asked = []
        for step in range(100):
            scene.run(0.1)
            for _ in range(looks):
                scene.engine.check(scene.now_ns)
            request = scene.engine.due_review(scene.now_ns) if step % looks == 0 else None
            if request is not None:
                asked.append(request.evidence.now_ns)
                scene.engine.add_review_fault(scene.now_ns, "no")
        return asked

    assert story(1) == story(3)
    assert story(1) == [START_NS + nanoseconds(time_s) for time_s in (3.0, 6.0, 9.0)]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"on": ()}, "review_on"),
        ({"period_s": 0.0}, "review_period_s"),
        ({"gap_s": -1.0}, "review_gap_s"),
        ({"timeout_s": math.nan}, "review_timeout_s"),
    ],
)
def test_settings_are_refused_by_name(settings: dict[str, object], named: str) -> None:
    with pytest.raises(JudgeError, match=named):
        ReviewSettings(**settings)  # type: ignore[arg-type]
