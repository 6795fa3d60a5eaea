"""Predictions that continue what is seen pass, and those of another scene do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from steering.grey_candidates import NOW_NS

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.consistency import ConsistencyRules, SceneNow
from vlm_judge_ros.steering.questions import SteeringSettings, prepare
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState

WIDTH, HEIGHT = 160, 120
STEP_S = 0.2


def table(seed: int) -> NDArray[np.float64]:
    """A table top of smooth patches."""
    patches = np.random.default_rng(seed).uniform(40.0, 200.0, (6, 8))
    return np.asarray(cv2.resize(patches, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))


def scene(
    arm: float, cup: tuple[int, int] = (20, 20), seed: int = 1, light: float = 1.0, noise: float = 0.0
) -> RawImage:
    """A table with a cup and an arm, whose place goes from 0 to 1 from left to right."""
    picture = table(seed)
    left = int(10 + arm * (WIDTH - 40))
    picture[50:, left : left + 16] = 230.0
    picture[cup[1] : cup[1] + 12, cup[0] : cup[0] + 12] = 20.0
    picture = light * picture + np.random.default_rng(7).normal(0.0, noise + 1e-9, picture.shape)
    grey = np.clip(picture, 0, 255).astype(np.uint8)
    return RawImage(np.repeat(grey[..., None], 3, axis=2).tobytes(), WIDTH, HEIGHT, "rgb8", 3 * WIDTH)


def seen(*pictures: RawImage, camera: str = "front") -> Evidence:
    stamps = [NOW_NS - round((len(pictures) - 1 - index) * STEP_S * 1e9) for index in range(len(pictures))]
    keyframes = tuple(
        Keyframe(Frame(camera, stamp, picture, picture.thumbnail), FrameRole.SPREAD)
        for stamp, picture in zip(stamps, pictures, strict=True)
    )
    return Evidence("e", "lift the cup", min(0, *stamps), NOW_NS, {camera: keyframes})


MOVING = seen(scene(0.38), scene(0.42), scene(0.46), scene(0.5))


def doubt_of(evidence: Evidence, *pictures: RawImage, step_s: float = STEP_S, camera: str = "front") -> str:
    frames = tuple(PredictedFrame(camera, (1 + index) * step_s, picture) for index, picture in enumerate(pictures))
    return SceneNow(evidence, ConsistencyRules()).doubt(Candidate(frames=frames), NOW_NS)


def test_what_goes_on_from_now_passes_in_any_light_and_with_noise() -> None:
    assert doubt_of(MOVING, scene(0.54), scene(0.58)) == ""
    assert doubt_of(MOVING, scene(0.54, light=0.8), scene(0.58, light=1.1)) == ""
    assert doubt_of(MOVING, scene(0.54, noise=6.0), scene(0.58, noise=6.0)) == ""


def test_another_scene_is_caught_however_far_ahead_it_is() -> None:
    assert "another scene 0.20 s" in doubt_of(MOVING, scene(0.54, seed=2))
    assert "another scene 8.00 s" in doubt_of(MOVING, scene(0.54, seed=2), step_s=8.0)


def test_an_object_that_is_elsewhere_at_once_is_caught() -> None:
    assert "a jump from what is seen now 0.20 s" in doubt_of(MOVING, scene(0.54, cup=(120, 10)))


def test_a_prediction_that_begins_right_and_goes_on_elsewhere_is_caught_where_it_jumps() -> None:
    reason = doubt_of(MOVING, scene(0.54), scene(0.58), scene(0.62, cup=(44, 20)))
    assert "0.60 s after the start" in reason


def test_a_robot_that_rested_may_start() -> None:
    resting = seen(*[scene(0.1)] * 4)
    assert doubt_of(resting, scene(0.12), scene(0.15)) == ""
    assert "another scene" in doubt_of(resting, scene(0.15, seed=2))


def test_one_keyframe_is_enough_to_know_the_scene() -> None:
    assert doubt_of(seen(scene(0.1)), scene(0.15)) == ""
    assert doubt_of(seen(scene(0.1)), scene(0.15, seed=2)) != ""


def test_a_camera_that_moves_along_is_not_looked_at() -> None:
    wrist = seen(scene(0.1), scene(0.2), camera="wrist")
    assert doubt_of(wrist, scene(0.54, seed=2), camera="wrist") == ""


def test_a_view_that_changes_all_the_time_allows_what_it_has_shown() -> None:
    turning = seen(*[scene(0.1, seed=seed) for seed in (3, 4, 5, 6)])
    assert doubt_of(turning, scene(0.1, seed=7)) == ""


@settings(deadline=None, max_examples=20)
@given(
    arm=st.floats(0.0, 1.0),
    light=st.floats(0.7, 1.3),
    at_s=st.floats(0.0, 20.0),
    cup=st.sampled_from([(20, 20), (90, 8)]),
)
def test_a_candidate_that_shows_nothing_new_is_never_doubted(
    arm: float, light: float, at_s: float, cup: tuple[int, int]
) -> None:
    now = scene(arm, cup)
    evidence = seen(scene(max(0.0, arm - 0.1), cup), now)
    frames = (PredictedFrame("front", at_s, scene(arm, cup, light=light)),)
    assert SceneNow(evidence, ConsistencyRules()).doubt(Candidate(frames=frames), NOW_NS) == ""


@pytest.mark.parametrize("checked", [True, False])
def test_a_candidate_of_another_scene_is_inconsistent_and_not_asked_about_unless_that_is_switched_off(
    checked: bool,
) -> None:
    own, other = (
        Candidate(frames=(PredictedFrame("front", STEP_S, picture),)) for picture in (scene(0.54), scene(0.54, seed=2))
    )
    request = ScoringRequest((own, other, Candidate()), NOW_NS, 1.0)
    rules = SteeringSettings() if checked else SteeringSettings(consistency=None)
    prepared = prepare(request, MOVING, rules)
    assert [question.candidate for question in prepared.questions] == ([0] if checked else [0, 1])
    assert (prepared.excluded[1].state is CandidateState.INCONSISTENT) if checked else (1 not in prepared.excluded)
    assert prepared.excluded[2].state is CandidateState.MISSING_EVIDENCE


def test_a_broken_predicted_frame_is_missing_evidence() -> None:
    whole = cv2.imencode(".jpg", scene(0.54).rgb())[1].tobytes()
    broken = CompressedImage(whole[: len(whole) // 2] + b"\xff\xd9")
    request = ScoringRequest((Candidate(frames=(PredictedFrame("front", STEP_S, broken),)),), NOW_NS, 1.0)
    assert prepare(request, MOVING, SteeringSettings()).excluded[0].state is CandidateState.MISSING_EVIDENCE
