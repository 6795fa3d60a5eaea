"""A running node with two judges: one that is always on, and one that reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import Bench, Robot
from diagnostic_msgs.msg import DiagnosticStatus
from judge_process import JudgeProcess

from vlm_judge_ros import msg

UNKNOWN, PROGRESSING, FAILED, SUCCEEDED = (
    msg.Verdict.STATE_UNKNOWN,
    msg.Verdict.STATE_PROGRESSING,
    msg.Verdict.STATE_FAILED,
    msg.Verdict.STATE_SUCCEEDED,
)
SECOND = "scripted_judge:create_review"


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "review")
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def judge(start: Callable[..., JudgeProcess], robot: Robot) -> JudgeProcess:
    times = {"period_s": 0.3, "review_period_s": 1.0, "review_gap_s": 0.3, "review_deadline_s": 6.0}
    occasions = ["alarm", "success", "timer"]
    return start(
        "review",
        review_judge=SECOND,
        review_on=occasions,
        auto_episode=False,
        deadline_s=6.0,
        hang_timeout_s=8.0,
        **times,
    )


@pytest.fixture(autouse=True)
def end_of_episode(judge: JudgeProcess) -> Iterator[None]:
    yield
    judge.end_episode()


def since(judge: JudgeProcess, before: int) -> set[int]:
    return {verdict.state for verdict in judge.verdicts[before:]}


def await_review_in_verdict(judge: JudgeProcess, before: int, name: str) -> Any:
    def found() -> Any:
        return next(
            (it for it in judge.verdicts[before:] if any(one.name == name for one in it.review)),
            None,
        )

    return judge.until(found, f"a verdict that names {name} of the review")


def test_success_waits_until_the_review_agrees(judge: JudgeProcess) -> None:
    before = judge.begin("success")
    verdict = judge.await_verdict(PROGRESSING, "the review has not confirmed it", before)
    assert {one.source for one in verdict.review} == {"review"}
    judge.end_episode()
    assert SUCCEEDED not in since(judge, before)

    before = judge.begin("success review.success")
    verdict = judge.await_verdict(SUCCEEDED, "The physical evidence and the review agree.", before)
    assert (verdict.provenance.model, verdict.review_provenance.model) == ("scripted", "second")
    assert verdict.review_provenance.frames
    assert [one.source for one in verdict.decided_by if one.name == "judge_success"] == ["", "review"]


def test_a_review_is_published_with_steps_and_critique_and_its_steps_are_in_the_verdict(judge: JudgeProcess) -> None:
    before, reviews = judge.begin("watch"), len(judge.reviews)
    judge.until(lambda: len(judge.reviews) > reviews, "a review")
    review = judge.reviews[reviews]
    assert review.provenance.model == "second"
    assert [step.name for step in review.subtasks] == ["grasp", "lift"]
    assert (review.critique.advice, review.critique.camera) == ("Grasp lower.", "wrist")
    steps = judge.until(
        lambda: next((it.subtasks for it in judge.verdicts[before:] if it.subtasks), None), "steps in a verdict"
    )
    assert [(step.index, step.name, step.state) for step in steps] == [
        (0, "grasp", msg.Subtask.STATE_DONE),
        (1, "lift", msg.Subtask.STATE_UNKNOWN),
    ]
    assert judge.count("review", "answered") >= 1
    assert all(answer.provenance.model == "scripted" for answer in judge.progress)


def test_a_failure_that_only_the_review_sees_is_a_failure(judge: JudgeProcess) -> None:
    before, events = judge.begin("review.fail"), len(judge.failures)
    verdict = judge.await_verdict(FAILED, "The review gives 95% for failing", before)
    assert verdict.decided_by[0].source == "review"
    judge.until(lambda: len(judge.failures) > events, "a failure event")
    assert judge.failures[events].provenance.model == "second"


@pytest.mark.parametrize(
    ("word", "name", "sentence"),
    [
        ("refuse", "judge_fault", "The script says so."),
        ("decline", "judge_declined", "The script declines."),
        ("unparsable", "judge_unparsable", "No brace in it."),
    ],
)
def test_a_review_that_says_nothing_is_named_and_the_judge_still_judges(
    judge: JudgeProcess, word: str, name: str, sentence: str
) -> None:
    before = judge.begin(f"review.{word}")
    verdict = await_review_in_verdict(judge, before, name)
    assert verdict.state == PROGRESSING
    assert sentence in verdict.reason
    judge.end_episode()
    before = judge.begin(f"success review.{word}")
    judge.await_verdict(PROGRESSING, "the review has not confirmed it", before)
    judge.await_progress(5)
    assert SUCCEEDED not in since(judge, before)
    assert sentence in judge.verdicts[-1].reason


def test_a_review_that_crashes_is_named_and_started_again_while_the_judge_goes_on(judge: JudgeProcess) -> None:
    restarts, restarts_of_judge = judge.count("review", "restarts"), judge.count("judge", "restarts")
    before = judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)
    judge.kill_model("review")
    verdict = await_review_in_verdict(judge, before, "judge_fault")
    assert "killed by SIGKILL" in verdict.reason
    judge.await_progress(3)
    judge.await_count("review", "restarts", restarts + 1)
    judge.until(lambda: not judge.verdicts[-1].reason.count("SIGKILL"), "the review to be back")
    assert UNKNOWN not in {verdict.state for verdict in judge.verdicts[before:] if verdict.provenance.model}
    assert judge.count("judge", "restarts") == restarts_of_judge


def test_a_review_that_comes_too_late_is_named(judge: JudgeProcess) -> None:
    late = judge.count("review", "late")
    before = judge.begin("review.sleep=7")
    verdict = await_review_in_verdict(judge, before, "judge_fault")
    assert "did not answer within 6 s" in verdict.reason
    judge.await_count("review", "late", late + 1)
    judge.await_status("review", DiagnosticStatus.ERROR, "did not answer within 6 s")


def test_answers_that_cannot_be_read_are_counted_apart_from_those_that_say_nothing(judge: JudgeProcess) -> None:
    keys = ("answered, could not be read", "answered, could not say", "failed")
    unread, declined, failed = (judge.count("judge", key) for key in keys)
    before = judge.begin("unparsable")
    verdict = judge.await_verdict(UNKNOWN, "What the judge answered cannot be read: No brace in it.", before)
    assert verdict.decided_by[0].name == "judge_unparsable"
    answer = judge.await_progress(2)[-1]
    assert answer.unparsable
    judge.await_count("judge", keys[0], unread + 2)
    assert (judge.count("judge", keys[1]), judge.count("judge", keys[2])) == (declined, failed)


def test_a_review_that_cannot_be_loaded_is_named_in_one_sentence(start: Callable[..., JudgeProcess]) -> None:
    broken = start("review_broken", ready=False, review_judge="scripted_judge:missing_model")
    sentence = "The review cannot be used. The model of the script is missing; write one."
    broken.bench.until(lambda: sentence in broken.said(), "the node to name the model")
    assert "Traceback" not in broken.said()


def test_settings_that_contradict_each_other_are_refused_in_one_sentence(start: Callable[..., JudgeProcess]) -> None:
    broken = start("review_contradicted", ready=False, review_model="large")
    sentence = 'Parameter review_model is "large" and review_judge is empty; set review_judge'
    broken.bench.until(lambda: sentence in broken.said(), "the node to name the contradiction")
    assert "Traceback" not in broken.said()
