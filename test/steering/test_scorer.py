"""Candidates are scored by the deadline, whatever the judge does."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from steering.grey_candidates import (
    NOW_NS,
    WAIT_S,
    CancellableJudge,
    GreyJudge,
    StuckJudge,
    asking_for,
    evidence,
    showing,
)

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.asking import Asking
from vlm_judge_ros.steering.bounds import RequestBounds
from vlm_judge_ros.steering.candidate import Candidate
from vlm_judge_ros.steering.continuation import continued
from vlm_judge_ros.steering.questions import SteeringSettings
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.steering.scorer import CandidateScorer
from vlm_judge_ros.steering.selection import SelectionRules

SOON_S = 0.2


def test_the_best_candidate_is_chosen_and_the_answer_says_by_whom_and_how_long_it_took() -> None:
    answer = CandidateScorer(GreyJudge()).score(asking_for(20, 70, 40), evidence())
    assert answer.choice.index == 1
    assert [each.score for each in answer.candidates] == [0.2, 0.7, 0.4]
    assert answer.provenance.model == "grey" and 0.0 <= answer.latency_s < WAIT_S


def test_a_judge_is_made_by_its_import_path() -> None:
    scorer = CandidateScorer.of("steering.grey_candidates:create")
    assert scorer.score(asking_for(20, 70), evidence()).choice.index == 1
    with pytest.raises(JudgeError, match="no judge called"):
        CandidateScorer.of("nobody")


def test_a_failure_over_one_candidate_is_its_reason_and_the_others_are_scored() -> None:
    answer = CandidateScorer(GreyJudge()).score(asking_for(20, 0, 70, 101, 100), evidence())
    assert answer.choice.index == 2
    assert answer.candidates[1].reason == "It is too dark."
    assert "ValueError: too bright" in answer.candidates[3].reason
    assert "could not say" in answer.candidates[4].reason
    assert [each.state for each in answer.candidates[1::2]] == [CandidateState.NOT_SCORED] * 2


def test_a_judge_that_fails_over_all_leaves_the_caller_its_own_order() -> None:
    answer = CandidateScorer(GreyJudge()).score(asking_for(0, 0), evidence())
    assert answer.choice.abstained and "evidence is missing" in answer.choice.reason


def test_one_candidate_alone_is_scored() -> None:
    answer = CandidateScorer(GreyJudge()).score(asking_for(30), evidence())
    assert answer.candidates[0].score == 0.3 and answer.choice.index == 0


def test_nobody_is_asked_where_every_candidate_is_out() -> None:
    judge = GreyJudge()
    answer = CandidateScorer(judge).score(ScoringRequest((Candidate(), Candidate()), NOW_NS, WAIT_S), evidence())
    assert judge.asked == [] and answer.choice.abstained


def test_at_the_deadline_the_choice_is_among_what_is_known() -> None:
    judge = StuckJudge()
    answer = CandidateScorer(judge).score(asking_for(20, 70, 50, 90, deadline_s=SOON_S), evidence())
    assert answer.choice.index == 1
    assert [each.state.name for each in answer.candidates] == ["SCORED", "SCORED", "NOT_SCORED", "NOT_SCORED"]
    assert all("deadline" in each.reason for each in answer.candidates[2:])
    judge.let_go.set()


def test_the_next_request_waits_until_a_judge_that_cannot_be_cancelled_is_free() -> None:
    judge = StuckJudge()
    scorer = CandidateScorer(judge)
    scorer.score(asking_for(50, 90, deadline_s=SOON_S), evidence())
    busy = scorer.score(asking_for(20, 70, deadline_s=SOON_S), evidence())
    assert busy.choice.abstained and "busy" in busy.candidates[0].reason
    judge.let_go.set()
    assert scorer.score(asking_for(20, 70), evidence()).choice.index == 1
    assert judge.asked == [50, 20, 70]  # what nobody waits for any more is not asked


def test_a_judge_that_can_be_cancelled_is_at_the_deadline_and_the_next_request_is_not_hit() -> None:
    judge = CancellableJudge()
    scorer = CandidateScorer(judge)
    answer = scorer.score(asking_for(50, 90, deadline_s=SOON_S), evidence())
    assert answer.choice.abstained
    assert judge.stopped.wait(WAIT_S)
    assert [each.score for each in scorer.score(asking_for(20, 70), evidence()).candidates] == [0.2, 0.7]


def test_two_callers_at_once_are_answered_one_after_the_other() -> None:
    judge = StuckJudge()
    scorer = CandidateScorer(judge)
    choices: list[int | None] = []
    first = threading.Thread(target=lambda: choices.append(scorer.score(asking_for(50, 20), evidence()).choice.index))
    first.start()
    assert judge.began.wait(WAIT_S)
    second = threading.Thread(target=lambda: choices.append(scorer.score(asking_for(30, 70), evidence()).choice.index))
    second.start()
    judge.let_go.set()
    for caller in (first, second):
        caller.join(WAIT_S)
    assert sorted(choices, key=str) == [0, 1] and judge.asked == [50, 20, 30, 70]


def test_a_draw_repeats_with_its_seed() -> None:
    settings = SteeringSettings(rules=SelectionRules(temperature=1.0))
    drawn = [
        [CandidateScorer(GreyJudge(), settings, seed=seed).score(asking_for(*range(40, 48)), evidence()).choice.index]
        for seed in (3, 3, 4, 5, 6)
    ]
    assert drawn[0] == drawn[1] and len({str(each) for each in drawn}) > 1


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asking_for(20, deadline_s=0.0), "deadline is 0 s"),
        (asking_for(20, deadline_s=float("nan")), "deadline is nan s"),
        (replace(asking_for(20), from_ns=NOW_NS - 1_000_000), "0.001 s before the newest frame"),
        (ScoringRequest((showing(1),) * 3, NOW_NS, 1.0), "3 candidates, at most 2"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(request_: ScoringRequest, words: str) -> None:
    judge = GreyJudge()
    with pytest.raises(JudgeError, match=words):
        CandidateScorer(judge, bounds=RequestBounds(candidates=2)).score(request_, evidence())
    assert judge.asked == []


def test_asking_ends_where_the_choice_cannot_change_any_more() -> None:
    judge = GreyJudge()
    shown = [continued(evidence(), showing(grey), NOW_NS) for grey in (20, 70, 40)]
    asking = Asking(judge, threading.Lock(), shown, lambda heard: heard[1] is not None)
    heard = asking.wait(WAIT_S)
    assert judge.asked == [20, 70] and heard[2] == "Nobody asked, because it could not have changed the choice."
