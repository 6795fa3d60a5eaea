"""From candidates to questions and back."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.questions import SteeringSettings, conclude, prepare
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState

WHO = JudgeProvenance("model", "", "cpu", "direct")
SETTINGS = SteeringSettings()


def image(grey: int) -> RawImage:
    return RawImage(np.full((24, 32, 3), grey, dtype=np.uint8).tobytes(), 32, 24, "rgb8", 96)


def evidence() -> Evidence:
    picture = image(10)
    frame = Frame("front", 1_000_000_000, picture, picture.thumbnail)
    return Evidence("e", "close the drawer", 0, 1_000_000_000, {"front": (Keyframe(frame, FrameRole.NEWEST),)})


def showing(*greys: int) -> Candidate:
    return Candidate(frames=tuple(PredictedFrame("front", 0.5 * (1 + i), image(grey)) for i, grey in enumerate(greys)))


def test_what_happened_comes_first_and_what_is_predicted_after_it() -> None:
    prepared = prepare(ScoringRequest((showing(11, 12),), 1_200_000_000, 1.0), evidence(), SETTINGS)
    stamps = [key.frame.stamp_ns for key in prepared.questions[0].evidence.keyframes["front"]]
    assert stamps == [1_000_000_000, 1_700_000_000, 2_200_000_000]
    assert prepared.questions[0].evidence.now_ns == 2_200_000_000


def test_the_candidate_that_brings_the_task_furthest_is_chosen_and_one_that_shows_nothing_is_out() -> None:
    request = ScoringRequest((showing(11), Candidate(), showing(12)), 1_000_000_000, 1.0)
    prepared = prepare(request, evidence(), SETTINGS)
    opinions = [
        Opinion(question.evidence, WHO, progress=0.3 + 0.2 * question.candidate) for question in prepared.questions
    ]
    answer = conclude(prepared, opinions, SETTINGS, WHO)
    assert answer.choice.index == 2
    assert [each.state for each in answer.candidates] == [
        CandidateState.SCORED,
        CandidateState.MISSING_EVIDENCE,
        CandidateState.SCORED,
    ]
    assert all(each.reason for each in answer.candidates)


def test_what_the_deadline_cut_off_is_said_to_be_not_scored() -> None:
    prepared = prepare(ScoringRequest((showing(11), showing(12)), 1_000_000_000, 1.0), evidence(), SETTINGS)
    answer = conclude(prepared, [Opinion(prepared.questions[0].evidence, WHO, progress=0.5), None], SETTINGS, WHO)
    assert answer.choice.abstained
    assert answer.candidates[1].state is CandidateState.NOT_SCORED
