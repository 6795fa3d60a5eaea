"""Candidates are shown alike, after what really happened."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from steering.grey_candidates import NOW_NS, evidence, image, showing

from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.judges.views import shown
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.continuation import alike
from vlm_judge_ros.steering.questions import SteeringSettings, prepare
from vlm_judge_ros.steering.request import ScoringRequest


def test_all_show_as_many_frames_as_the_one_that_has_fewest_and_keep_the_last() -> None:
    few, many, none = showing(1, 2), showing(1, 2, 3, 4, 5), Candidate()
    made = alike({0: few, 2: many, 5: none}, 0)
    assert [frame.at_s for frame in made[0].frames] == [0.5, 1.0]
    assert [frame.at_s for frame in made[2].frames] == [0.5, 2.5]
    assert made[5].frames == ()


def test_cameras_are_counted_by_themselves() -> None:
    wrist = PredictedFrame("wrist", 1.0, image(9))
    made = alike({0: replace(showing(1, 2, 3), frames=(*showing(1, 2, 3).frames, wrist)), 1: showing(1, 2)}, 0)
    assert [(frame.camera, frame.at_s) for frame in made[0].frames] == [("front", 0.5), ("wrist", 1.0), ("front", 1.5)]


@given(counts=st.lists(st.integers(1, 9), min_size=2, max_size=5), most=st.integers(0, 4), images=st.integers(2, 9))
def test_what_the_judge_reads_of_what_happened_is_the_same_beginning_for_all(
    counts: list[int], most: int, images: int
) -> None:
    past = [Frame("front", second * NOW_NS // 5, image(second), image(second).thumbnail) for second in range(1, 6)]
    seen = replace(evidence(), keyframes={"front": tuple(Keyframe(frame, FrameRole.SPREAD) for frame in past)})
    request = ScoringRequest(tuple(showing(*range(count)) for count in counts), NOW_NS, 1.0)
    prepared = prepare(request, seen, SteeringSettings(consistency=None, shown_frames=most))
    contents = [
        shown(question.evidence, lambda camera, at_s: f"{at_s:.1f} s", images) for question in prepared.questions
    ]
    frames = [[item for item in content if isinstance(item, Frame)] for content in contents]
    real = [[frame.stamp_ns for frame in one if frame.stamp_ns <= NOW_NS] for one in frames]
    # The same real frames, and all of them before the first predicted one.
    assert all(one == real[0] for one in real)
    assert all(one[: len(real[0])] == [frame for frame in one if frame.stamp_ns <= NOW_NS] for one in frames)
