from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.message_definition import message_definition
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.bag import STARTED_NS, write_bag
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeSpec, SimulatedEpisode
from vlm_judge_ros.simulation.world import JOINTS

STEPS = 24


def episode() -> SimulatedEpisode:
    progress = np.linspace(0.0, 0.5, STEPS)
    pictures = np.zeros((STEPS // 2, 48, 64, 3), dtype=np.uint8)
    pictures[:, :, :32] = (200, 30, 30)
    return SimulatedEpisode(
        spec=EpisodeSpec("push", 7, Disturbance.STALL, width=64, height=48, frame_steps=2),
        instruction="push the puck to the green target",
        mode=FailureMode.STALL,
        onset_s=1.5,
        stamps_s=np.arange(STEPS) * 0.1,
        joint_positions=np.ones((STEPS, len(JOINTS))),
        joint_velocities=np.zeros((STEPS, len(JOINTS))),
        joint_efforts=np.full((STEPS, len(JOINTS)), np.nan),
        actions=np.arange((STEPS - 1) * 4, dtype=np.float64).reshape(-1, 4),
        progress=progress,
        success=np.zeros(STEPS, dtype=bool),
        failing=np.arange(STEPS) >= 15,
        frame_indices=np.arange(0, STEPS, 2),
        frames={"front": pictures, "wrist": pictures},
    )


def test_an_episode_is_announced_in_chunks_that_name_what_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "stalled"
    write_bag(episode(), path)
    with AnyReader([path]) as reader:
        chunks = [
            reader.deserialize(raw, connection.msgtype)
            for connection, _, raw in reader.messages()
            if connection.topic == "/chunk"
        ]
    assert [chunk.id for chunk in chunks] == [1, 2, 3]
    assert [chunk.horizon for chunk in chunks] == [10, 10, 3]
    executed = np.concatenate([np.asarray(chunk.actions) for chunk in chunks])
    np.testing.assert_array_equal(executed, episode().actions.ravel())


def test_ground_truth_comes_with_each_picture(tmp_path: Path) -> None:
    path = tmp_path / "stalled"
    write_bag(episode(), path)
    with AnyReader([path]) as reader:
        times: dict[str, list[int]] = {}
        for connection, time_ns, _ in reader.messages():
            times.setdefault(connection.topic, []).append(time_ns - STARTED_NS)
    assert times["/ground_truth/progress"] == times["/front/image/compressed"] == times["/wrist/image/compressed"]
    assert times["/front/image/compressed"] == [index * 200_000_000 for index in range(STEPS // 2)]
    assert times["/task"] == times["/ground_truth/episode"] == [0]


def test_an_existing_bag_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(JudgeError, match="exists"):
        write_bag(episode(), tmp_path / "kept")
    assert list(tmp_path.iterdir()) == [tmp_path / "kept"]


def test_nothing_half_written_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vlm_judge_ros.simulation.bag._EpisodeWriter.write", full)
    with pytest.raises(JudgeError, match="No space left"):
        write_bag(episode(), tmp_path / "lost")
    assert list(tmp_path.iterdir()) == []


def test_the_message_definition_is_found_where_the_package_lies() -> None:
    assert "horizon" in message_definition("vlm_judge_ros/msg/ActionChunk")
    with pytest.raises(JudgeError, match="Nothing"):
        message_definition("vlm_judge_ros/msg/Nothing")
