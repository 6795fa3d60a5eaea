from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qualify.recorded_square import STARTED_NS, STEP_NS, RecordedSquare, level

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.qualify.control_pictures import KeptPictures
from vlm_judge_ros.qualify.control_run import ControlRun
from vlm_judge_ros.qualify.controls import MovedPictures, WrongTask
from vlm_judge_ros.qualify.judging import controls_named
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.qualify.wrong_task import instructions, wrong_task
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode

EVERY = 4
"""A picture out of so many is kept at five per second."""


def frames(episode: RecordedEpisode) -> list[Frame]:
    return [event.content for event in episode.events() if isinstance(event.content, Frame)]


def levels(episode: RecordedEpisode, camera: str = "front") -> list[int]:
    return [level(frame) for frame in frames(episode) if frame.camera == camera]


def moved(control: Control, **changes: object) -> RecordedEpisode:
    return MovedPictures(RecordedSquare(**changes)).shown(control)  # type: ignore[arg-type]


@pytest.mark.parametrize("control", [Control.STATIC, Control.REVERSED, Control.SHUFFLED])
def test_stamps_and_chunks_stay_and_nothing_else_is_told(control: Control) -> None:
    episode = RecordedSquare()
    shown = MovedPictures(episode).shown(control)
    assert [frame.stamp_ns for frame in frames(shown)] == [frame.stamp_ns for frame in frames(episode)]
    kinds = {type(event.content) for event in shown.events()}
    assert kinds == {Frame, Chunk}
    chunks = [event for event in shown.events() if isinstance(event.content, Chunk)]
    assert chunks == [event for event in episode.events() if isinstance(event.content, Chunk)]
    assert shown.description.truth is None
    assert shown.description.task == episode.task


def test_a_static_episode_shows_one_moment_of_both_cameras() -> None:
    shown = moved(Control.STATIC)
    (front,), (wrist,) = set(levels(shown)), set(levels(shown, "wrist"))
    assert front == wrist
    assert front % EVERY == 0


def test_which_moment_is_shown_follows_from_the_key_alone() -> None:
    assert levels(moved(Control.STATIC)) == levels(moved(Control.STATIC))
    assert len({levels(moved(Control.STATIC, key=f"key-{number}"))[0] for number in range(12)}) > 3


def test_a_reversed_episode_goes_from_its_end_to_its_start() -> None:
    shown = levels(moved(Control.REVERSED))
    assert shown == sorted(shown, reverse=True)
    assert (shown[0], shown[-1]) == (56, 0)


def test_a_shuffled_episode_shows_every_moment_once_and_both_cameras_the_same() -> None:
    shown = moved(Control.SHUFFLED)
    front = levels(shown)
    assert front == levels(shown, "wrist")
    assert front != sorted(front)
    assert sorted(front[::EVERY]) == list(range(0, 60, EVERY))


@settings(max_examples=25, deadline=None)
@given(pictures=st.integers(1, 120), most=st.integers(300, 4000))
def test_memory_is_bounded_and_a_long_episode_is_thinned_evenly(pictures: int, most: int) -> None:
    kept = KeptPictures(STARTED_NS, most)
    seen: list[int] = []
    for frame in frames(RecordedSquare(pictures=pictures, cameras=("front",))):
        kept.add(frame)
        seen.append(kept.size_bytes)
    assert max(seen) <= most or len(kept) == 1
    kept.finish()
    shown = [kept.picture("front", place) for place in range(len(kept))]
    numbers = [round(float(one.image.rgb().mean())) for one in shown if one is not None]
    steps = {second - first for first, second in pairwise(numbers)}
    assert numbers[0] == 0
    assert len(steps) <= 1


def test_a_camera_without_a_picture_of_a_moment_shows_the_nearest_one() -> None:
    kept = KeptPictures(STARTED_NS)
    for frame in frames(RecordedSquare()):
        if frame.camera == "front" or frame.stamp_ns == STARTED_NS + 20 * STEP_NS:
            kept.add(frame)
    kept.finish()
    pictures = [kept.picture("wrist", place) for place in range(len(kept))]
    assert {round(float(one.image.rgb().mean())) for one in pictures if one is not None} == {20}
    assert kept.picture("none", 0) is None


def test_under_a_wrong_task_all_but_the_signals_is_as_it_was() -> None:
    episode = RecordedSquare()
    shown = WrongTask(episode, "open the door")
    assert shown.description.task == "open the door"
    assert levels(shown) == levels(episode)
    kinds = {type(event.content).__name__ for event in shown.events()}
    assert kinds == {"Frame", "Chunk", "JointSample"}


def tasks(*texts: str) -> Sequence[tuple[str, str]]:
    return instructions(RecordedSquare(key=str(place), task=text).description for place, text in enumerate(texts))


def test_the_wrong_task_is_one_of_the_others_and_none_where_there_is_no_other() -> None:
    description = RecordedSquare(task="Push it.").description
    assert wrong_task(description, tasks("push it", "Push  it.")) is None
    assert wrong_task(description, tasks("push it", "open the door")) == "open the door"
    assert wrong_task(description, tasks("push it"), ["push it", "close it"]) == "close it"


def test_a_control_without_another_task_costs_no_pass() -> None:
    description = RecordedSquare().description
    assert ControlRun(tuple(Control), tasks("move the square")).passes(description) == 3
    assert ControlRun(tuple(Control), tasks("move the square", "open the door")).passes(description) == 4


def test_controls_are_named_in_any_order() -> None:
    assert controls_named("reversed, static") == (Control.STATIC, Control.REVERSED)
    assert controls_named("none") == ()
