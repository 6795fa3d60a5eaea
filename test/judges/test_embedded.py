"""The embedded judge: what it declines, and that its answer depends on the evidence alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.keyframes import BufferLimits, KeyframeBuffer
from vlm_judge_ros.judges.embedded import EmbeddedJudge, pair_in_time, spaced
from vlm_judge_ros.judges.opinion import Opinion

TASK = "open the drawer"
EMPTY = np.zeros((2, 2, 3), dtype=np.uint8)


class ArrayImage:
    """An image that is an array already."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    @property
    def size_bytes(self) -> int:
        return self.pixels.nbytes

    def rgb(self) -> NDArray[np.uint8]:
        return self.pixels


def frame(camera: str, second: float, pixels: NDArray[np.uint8]) -> Frame:
    return Frame(camera, round(second * 1e9), ArrayImage(pixels), np.zeros((24, 32), dtype=np.uint8))


def evidence(task: str, front: Sequence[Frame], wrist: Sequence[Frame]) -> Evidence:
    cameras = {
        "front": tuple(Keyframe(item, FrameRole.SPREAD) for item in front),
        "wrist": tuple(Keyframe(item, FrameRole.SPREAD) for item in wrist),
    }
    return Evidence("one", task, 0, front[-1].stamp_ns, {name: frames for name, frames in cameras.items() if frames})


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def judge() -> EmbeddedJudge:
    return EmbeddedJudge()


def assert_declined(opinion: Opinion, because: str) -> None:
    assert opinion.declined
    assert math.isnan(opinion.success_probability)
    assert math.isnan(opinion.failure_probability)
    assert because in opinion.reason


@pytest.mark.parametrize("task", ["fold the laundry neatly", "close the faucet", "turn the tap off", ""])
def test_it_declines_a_task_it_was_not_trained_on(judge: EmbeddedJudge, task: str) -> None:
    asked = evidence(task, [frame("front", 0, noise(0))], [frame("wrist", 0, noise(1))])
    assert_declined(judge.ask(asked), f'not trained on the task "{task}"')


def test_it_declines_when_a_camera_is_missing(judge: EmbeddedJudge) -> None:
    assert_declined(judge.ask(evidence(TASK, [frame("front", 0, noise(0))], [])), "wrist is missing")


def test_it_declines_when_the_cameras_never_look_at_the_same_time(judge: EmbeddedJudge) -> None:
    asked = evidence(TASK, [frame("front", 5, noise(0))], [frame("wrist", 0, noise(1))])
    assert_declined(judge.ask(asked), "within 0.25 s")


@pytest.mark.parametrize(
    "pixels",
    [noise(0), np.zeros((120, 160, 3), dtype=np.uint8), np.full((120, 160, 3), 255, dtype=np.uint8)],
    ids=["noise", "black", "white"],
)
def test_it_declines_a_scene_unlike_its_own(judge: EmbeddedJudge, pixels: NDArray[np.uint8]) -> None:
    opinion = judge.ask(evidence(TASK, [frame("front", 0, pixels)], [frame("wrist", 0, pixels)]))
    assert_declined(opinion, "unlike")
    assert opinion.novelty > 1.0


def test_each_frame_is_paired_with_the_nearest_of_the_other_camera() -> None:
    front = [frame("front", second, noise(0)) for second in (0.0, 1.0, 2.0, 9.0)]
    wrist = [frame("wrist", second, noise(0)) for second in (0.1, 1.9, 2.2)]
    stamps = [(first.stamp_ns / 1e9, second.stamp_ns / 1e9) for first, second in pair_in_time(front, wrist, 0.25)]
    assert stamps == [(0.0, 0.1), (2.0, 1.9)]


@given(st.lists(st.integers(0, 100), unique=True), st.floats(0.05, 2.0))
def test_thinning_keeps_the_first_and_the_newest_and_no_neighbours(tenths: list[int], gap_s: float) -> None:
    pairs = [(frame("front", tenth / 10, EMPTY), frame("wrist", tenth / 10, EMPTY)) for tenth in sorted(tenths)]
    kept = spaced(pairs, gap_s)
    assert kept == [pair for pair in pairs if pair in kept]
    assert kept[:1] == pairs[:1]
    assert kept[-1:] == pairs[-1:]
    gaps = [after[0].stamp_ns - before[0].stamp_ns for before, after in itertools.pairwise(kept)]
    assert all(gap >= gap_s * 1e9 for gap in gaps) or len(kept) == 2


class CountingImage(ArrayImage):
    """Counts how often it is decoded."""

    decoded = 0

    def rgb(self) -> NDArray[np.uint8]:
        self.decoded += 1
        return super().rgb()


@pytest.mark.parametrize("late_s", [0.0, 0.1, 0.2])
def test_few_frames_are_read_for_a_question_and_half_seconds_are_looked_at_whatever_the_moment_of_the_question(
    late_s: float,
) -> None:
    judge = EmbeddedJudge()
    limits = BufferLimits(recent_frames=12)
    buffers = {camera: KeyframeBuffer(0, limits) for camera in ("front", "wrist")}
    images: list[CountingImage] = []
    questions = 0
    for index in range(61):
        seconds = 0.1 * index
        for camera, buffer in buffers.items():
            images.append(CountingImage(noise(len(images))))
            buffer.add(Frame(camera, round(seconds * 1e9), images[-1], np.zeros((24, 32), dtype=np.uint8)))
        if index >= 30 and (seconds - late_s) % 0.25 < 0.05:
            questions += 1
            now_ns = round(seconds * 1e9)
            shown = {camera: buffer.select(8, 0) for camera, buffer in buffers.items()}
            judge.ask(Evidence("one", TASK, 0, now_ns, shown))
            pairs = pair_in_time(*([key.frame for key in shown[camera]] for camera in buffers), 0.25)
            ages_s = [(now_ns - first.stamp_ns) * 1e-9 for first, _ in spaced(pairs, 0.45)]
            recent = [age_s for age_s in ages_s if age_s < 2.6]
            assert np.diff(recent[::-1]).max() < 0.75
            assert len(recent) >= 4
    # Two cameras; the newest, one that it was not shown at the question before, and now and then one from long ago.
    assert sum(image.decoded for image in images) < 2 * (20 + 3 * questions)
