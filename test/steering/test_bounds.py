"""Requests that cannot be answered are refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.bounds import RequestBounds, check_request
from vlm_judge_ros.steering.candidate import (
    Candidate,
    EndEffectorPath,
    JointTrajectory,
    PredictedFrame,
    PredictedSignal,
)

BOUNDS = RequestBounds(candidates=2, frames=2, points=3, horizon_s=5.0)
TIMES = np.array([0.0, 1.0])
PICTURE = RawImage(bytes(12), 2, 2, "rgb8", 6, False)


def frames(camera: str, *times: float) -> Candidate:
    return Candidate(frames=tuple(PredictedFrame(camera, at_s, PICTURE) for at_s in times))


def test_a_whole_request_is_taken() -> None:
    whole = Candidate(
        actions=np.zeros((3, 4)),
        frames=(PredictedFrame("front", 1.0, PICTURE),),
        path=EndEffectorPath("base", TIMES, np.zeros((2, 3))),
        joints=JointTrajectory(("a", "b"), TIMES, np.zeros((2, 2))),
        signals={"force": PredictedSignal(TIMES, np.zeros(2))},
    )
    check_request([whole, Candidate()], ["front"], BOUNDS)


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (Candidate(actions=np.zeros((4, 1))), "4 actions, at most 3"),
        (Candidate(actions=np.full((1, 1), np.nan)), "finite"),
        (frames("front", 0.0, 1.0, 2.0), "3 frames, at most 2"),
        (frames("left", 0.0), "camera 'left', and there are front"),
        (frames("front", -1.0), "within 0 s and 5 s"),
        (frames("front", 6.0), "within 0 s and 5 s"),
        (Candidate(path=EndEffectorPath("", TIMES, np.zeros((2, 3)))), "coordinate frame"),
        (Candidate(path=EndEffectorPath("base", TIMES, np.zeros((2, 2)))), "shape (2, 2), not (2, 3)"),
        (Candidate(path=EndEffectorPath("base", TIMES[::-1], np.zeros((2, 3)))), "do not rise"),
        (Candidate(joints=JointTrajectory(("a", "a"), TIMES, np.zeros((2, 2)))), "one twice"),
        (Candidate(joints=JointTrajectory(("a",), TIMES, np.full((2, 1), np.inf))), "no finite number"),
        (Candidate(signals={"force": PredictedSignal(np.empty(0), np.empty(0))}), "signal force has 0 times"),
    ],
)
def test_a_candidate_that_cannot_be_scored_is_named(candidate: Candidate, words: str) -> None:
    with pytest.raises(JudgeError) as refused:
        check_request([Candidate(), candidate], ["front"], BOUNDS)
    assert words in str(refused.value) and "Candidate 1" in str(refused.value)


def test_too_many_and_no_candidates_are_refused() -> None:
    with pytest.raises(JudgeError, match="3 candidates, at most 2"):
        check_request([Candidate()] * 3, ["front"], BOUNDS)
    with pytest.raises(JudgeError, match="no candidate"):
        check_request([], ["front"], BOUNDS)
