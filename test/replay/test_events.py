from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from recorded import BAGS, needs_recordings
from replay.episode_bag import STARTED_NS, EpisodeBag

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.events import BrokenFrame, TaskTold, TrueProgress, events
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.topics import find_topics


@pytest.mark.parametrize("raw", [True, False])
def test_an_episode_is_read_as_frames_signals_and_truth_in_order_of_time(tmp_path: Path, raw: bool) -> None:
    with Bag(EpisodeBag(duration_s=2.0, raw=raw).write(tmp_path)) as bag:
        found = list(events(bag, find_topics(bag.topics)))
    kinds = Counter(type(event.content) for event in found)
    assert kinds == {Frame: 42, JointSample: 21, Chunk: 2, TaskTold: 1, TrueProgress: 21}
    assert [event.time_ns for event in found] == sorted(event.time_ns for event in found)
    frames = [event.content for event in found if isinstance(event.content, Frame)]
    assert {frame.camera for frame in frames} == {"front", "wrist"}
    assert frames[-1].stamp_ns == STARTED_NS + 2_000_000_000
    assert frames[0].image.rgb().shape == (120, 160, 3)
    last = next(event.content for event in reversed(found) if isinstance(event.content, JointSample))
    assert dict(zip(last.names, last.positions, strict=True)) == {"shoulder": 1.0, "elbow": 2.0}


@needs_recordings
def test_an_image_that_is_shorter_than_it_claims_is_named_and_does_not_end_the_reading() -> None:
    with Bag(BAGS / "test_bag_mcap") as bag:
        topics = find_topics(bag.topics, {"odd": "/test/sensor_msgs/image"})
        found = [event.content for event in events(bag, topics)]
    broken = [content for content in found if isinstance(content, BrokenFrame)]
    assert [(frame.camera, frame.fault) for frame in broken] == [("odd", FrameFault.SHORT_DATA)] * 2


def test_a_recording_tells_its_task_truth_and_length(tmp_path: Path) -> None:
    path = EpisodeBag(name="dropped", duration_s=2.0, failure_mode="OBJECT_DROPPED", onset_s=1.25).write(tmp_path)
    with Bag(path) as bag:
        recording = Recording.read(bag)
        shots = list(recording.shots(bag))
    assert (recording.name, recording.task, recording.duration_s) == ("dropped", "move the square to the right", 2.0)
    assert recording.truth is not None
    assert (recording.truth.label, recording.truth.onset_s) == ("OBJECT_DROPPED", 1.25)
    assert recording.true_progress.at(0.55) == pytest.approx(0.25)
    assert len(shots) == 42
    assert all(shot.jpeg.startswith(b"\xff\xd8") for shot in shots)


def test_raw_images_become_jpeg_for_people(tmp_path: Path) -> None:
    with Bag(EpisodeBag(duration_s=0.5, raw=True).write(tmp_path)) as bag:
        assert all(shot.jpeg.startswith(b"\xff\xd8") for shot in Recording.read(bag).shots(bag))


def test_without_a_task_the_remedy_is_told_and_a_given_one_is_taken(tmp_path: Path) -> None:
    with Bag(EpisodeBag(duration_s=0.5, task="", truth=False).write(tmp_path)) as bag:
        with pytest.raises(JudgeError, match="holds no task; give the instruction with --task"):
            Recording.read(bag)
        assert Recording.read(bag, "do it").task == "do it"
