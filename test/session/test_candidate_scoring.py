"""Candidates that are scored while a session goes on, by a judge in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from node.told_by_grey import EXIT, FAIL, HANG, LONG, REFUSE
from session.live_session import Session

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.request import ScoringAnswer
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.verdict.verdict import State

SCORED, NOT_SCORED = CandidateState.SCORED, CandidateState.NOT_SCORED


@pytest.fixture(scope="module")
def one_session() -> Iterator[Session]:
    session = Session()
    yield session
    session.judging.close()


@pytest.fixture
def session(one_session: Session) -> Session:
    one_session.begin()
    return one_session


def test_the_candidate_that_the_judge_expects_most_of_is_chosen(session: Session) -> None:
    answer = session.answer(30, 70, 50)
    assert answer.choice.index == 1 and not answer.stopped
    assert [each.state for each in answer.candidates] == [SCORED] * 3
    assert [each.score for each in answer.candidates] == pytest.approx([0.3, 0.7, 0.5])
    assert answer.provenance.model == "told by grey"
    assert answer.latency_s > 0.0


def test_a_deadline_is_answered_with_what_is_known(session: Session) -> None:
    answer = session.answer(30, 70, LONG, 60, deadline_s=0.5)
    assert [each.state for each in answer.candidates] == [SCORED, SCORED, NOT_SCORED, NOT_SCORED]
    assert answer.choice.index == 1
    assert "The deadline of 0.5 s came first" in answer.candidates[2].reason
    # The judge was told to stop, and is free for the next.
    assert session.answer(60, 20).choice.index == 0


def test_the_judge_may_fail_over_one_candidate(session: Session) -> None:
    answer = session.answer(30, REFUSE, 60)
    assert [each.state for each in answer.candidates] == [SCORED, NOT_SCORED, SCORED]
    assert answer.candidates[1].reason == "It refuses."
    assert answer.choice.index == 2


@pytest.mark.parametrize(("grey", "words"), [(EXIT, "exit code 3"), (HANG, "busy with one question")])
def test_a_judge_that_dies_or_hangs_leaves_what_it_said_and_the_cause(session: Session, grey: int, words: str) -> None:
    answer = session.answer(30, grey, 60)
    assert [each.state for each in answer.candidates] == [SCORED, NOT_SCORED, NOT_SCORED]
    assert answer.choice.abstained
    assert words in answer.choice.reason
    assert words in answer.candidates[1].reason
    session.judging.judge.wait_until_ready(lambda: True)
    assert session.answer(30, 60).choice.index == 1


def test_a_newer_request_takes_the_place_of_an_older_one_whose_caller_is_told(session: Session) -> None:
    older = session.ask(30, LONG)
    newer = session.ask(20, 40)
    assert str(session.until(older)) == "A newer request took the place of this one."
    answer = session.until(newer)
    assert isinstance(answer, ScoringAnswer)
    assert answer.choice.index == 1
    assert len(older) == len(newer) == 1


def test_a_failure_that_was_found_before_leaves_no_choice(session: Session) -> None:
    session.begin(grey=FAIL)
    session.judging.ask_once_more(session.now_ns)
    scored_meanwhile = session.ask(30, 60)
    stopped = session.until(scored_meanwhile)  # the question that runs ends first, and finds the failure
    assert session.judging.engine.verdict.state is State.FAILED
    for answer in (stopped, session.answer(30, 60)):
        assert isinstance(answer, ScoringAnswer)
        assert answer.choice.abstained and answer.stopped
        assert answer.choice.reason.startswith("The robot is not to go on: Failing:")
        assert [each.state for each in answer.candidates] == [NOT_SCORED] * 2


def test_a_stop_while_the_judge_is_busy_wins(session: Session) -> None:
    worker = session.judging.judge.worker
    scored = worker.counts.scored
    answers = session.ask(30, LONG)
    while worker.counts.scored == scored:
        session.woken.wait(0.05)
        session.judging.take_news(session.now_ns)
    # Nothing is seen for long enough that the robot is to be stopped for it.
    for _ in range(200):
        session.now_ns += 100_000_000
        session.judging.weigh(session.now_ns)
        if answers:
            break
    answer = answers[0]
    assert isinstance(answer, ScoringAnswer)
    assert answer.choice.abstained and answer.stopped
    assert "front" in answer.choice.reason


def test_the_end_of_an_episode_ends_its_scoring(session: Session) -> None:
    answers = session.ask(30, LONG)
    session.judging.end_episode("", session.now_ns)
    assert "The episode ended" in str(session.until(answers))


def test_what_cannot_be_answered_is_refused_with_one_sentence(session: Session) -> None:
    second = 1_000_000_000

    def refused(*greys: int, **more: float) -> str:
        with pytest.raises(JudgeError) as caught:
            session.ask(*greys, **more)  # type: ignore[arg-type]
        return str(caught.value)

    assert "no candidate" in refused()
    assert "at most 4" in refused(1, 2, 3, 4, 5)
    assert "1.000 s before the newest frame" in refused(1, from_ns=session.now_ns - second)
    assert "2.000 s ahead of the node clock" in refused(1, from_ns=session.now_ns + 2 * second)
    for deadline_s in (0.0, -1.0, float("nan"), 1e9):
        assert "The deadline is" in refused(1, deadline_s=deadline_s)
    session.judging.enable(False, session.now_ns)
    assert "switched off" in refused(1)
    session.judging.enable(True, session.now_ns)
    session.judging.end_episode("", session.now_ns)
    assert "No episode is running" in refused(1)
    session.judging.start_episode("", "push the block", session.now_ns + second)
    assert "no frame of front has come in this episode yet" in refused(1)


def test_a_frame_that_came_while_the_candidates_were_made_changes_nothing(session: Session) -> None:
    answers = session.ask(30, 60, from_ns=session.now_ns - 400_000_000)
    answer = session.until(answers)
    assert isinstance(answer, ScoringAnswer)
    assert answer.choice.index == 1


def test_a_picture_that_cannot_be_decoded_is_refused_when_it_is_looked_at(session: Session) -> None:
    broken = CompressedImage(b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(20), "webp")
    candidate = Candidate(frames=(PredictedFrame("front", 0.5, broken),))
    assert str(session.until(session.ask_about(candidate))).startswith(
        "Candidate 0 cannot be scored: its frame of camera front at 0.5 s is broken."
    )


def test_each_request_ends_once_and_is_counted(session: Session) -> None:
    session.answer(30, 60)
    counts = session.judging.scoring.counts
    assert counts.taken == counts.answered + counts.replaced + counts.given_up
    assert counts.abstained >= counts.stopped
