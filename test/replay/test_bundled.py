from __future__ import annotations

from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode, bundled_episodes, demo_episodes
from vlm_judge_ros.replay.recording import Recording


def test_the_demo_shows_a_dropped_object_and_a_success(tmp_path: Path) -> None:
    EpisodeBag(name="a-stall", duration_s=0.2, failure_mode="STALL", onset_s=0.1).write(tmp_path)
    EpisodeBag(name="b-drop", duration_s=0.2, failure_mode="OBJECT_DROPPED", onset_s=0.1).write(tmp_path)
    EpisodeBag(name="c-success", duration_s=0.2).write(tmp_path)
    EpisodeBag(name="d-unknown", duration_s=0.2, truth=False).write(tmp_path)
    assert demo_episodes(tmp_path) == ("c-success", "b-drop")


def test_a_package_without_a_failure_says_so(tmp_path: Path) -> None:
    EpisodeBag(duration_s=0.2).write(tmp_path)
    with pytest.raises(JudgeError, match="lacks a success or a failure"):
        demo_episodes(tmp_path)


def test_an_unknown_name_is_answered_with_those_that_are_known(tmp_path: Path) -> None:
    EpisodeBag(name="first", duration_s=0.2).write(tmp_path)
    EpisodeBag(name="second", duration_s=0.2).write(tmp_path)
    with pytest.raises(JudgeError, match="no bundled episode 'third'; choose one of first, second"):
        bundled_episode("third", tmp_path)


@pytest.mark.parametrize("name", bundled_episodes())
def test_every_bundled_episode_is_whole_and_tells_its_truth(name: str) -> None:
    with Bag(bundled_episode(name)) as bag:
        recording = Recording.read(bag)
        counts = {bag.counts[camera.topic] for camera in recording.topics.cameras}
        assert recording.truth is not None and recording.truth.name
        assert [camera.camera for camera in recording.topics.cameras] == ["front", "wrist"]
        assert counts == {len(recording.true_progress.values)}
        assert sum(1 for _ in recording.shots(bag)) == 2 * counts.pop()
        assert (recording.truth.onset_s is None) == (recording.truth.outcome == "success")
        assert all(0.0 <= value <= 1.0 for value in recording.true_progress.values)
