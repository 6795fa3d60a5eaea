from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

import vlm_judge_ros

FOLDER = Path(vlm_judge_ros.__file__).parent / "data" / "episodes"
BAGS = sorted(path.parent for path in FOLDER.glob("*/metadata.yaml"))
STARTED_NS = 1_700_000_000_000_000_000
TOPICS = {
    "/front/image/compressed",
    "/wrist/image/compressed",
    "/joint_states",
    "/task",
    "/chunk",
    "/ground_truth/progress",
    "/ground_truth/episode",
}


def read(bag: Path) -> dict[str, list[tuple[int, Any]]]:
    messages: dict[str, list[tuple[int, Any]]] = {}
    with AnyReader([bag]) as reader:
        for connection, time_ns, raw in reader.messages():
            messages.setdefault(connection.topic, []).append((time_ns, reader.deserialize(raw, connection.msgtype)))
    return messages


def truth_of(messages: dict[str, list[tuple[int, Any]]]) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(messages["/ground_truth/episode"][0][1].data)
    return truth


def test_two_successes_and_six_kinds_of_failure_are_bundled() -> None:
    modes = [truth_of(read(bag))["failure_mode"] for bag in BAGS]
    assert modes.count("NONE") >= 2
    assert {"OBJECT_DROPPED", "GRASP_MISSED", "STALL", "WRONG_PLACE", "UNDONE", "EARLY_STOP"} <= set(modes)


def test_the_bundled_episodes_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 12_000_000


@pytest.mark.parametrize("bag", BAGS, ids=lambda bag: bag.name)
def test_a_bundled_episode_is_complete_and_its_stamps_agree(bag: Path) -> None:
    messages = read(bag)
    assert set(messages) == TOPICS
    fronts = [time_ns for time_ns, _ in messages["/front/image/compressed"]]
    assert fronts == [STARTED_NS + index * 100_000_000 for index in range(len(fronts))]
    for topic in ("/wrist/image/compressed", "/ground_truth/progress", "/joint_states"):
        assert [time_ns for time_ns, _ in messages[topic]] == fronts
    for topic in ("/front/image/compressed", "/wrist/image/compressed", "/joint_states", "/chunk"):
        for time_ns, message in messages[topic]:
            assert message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec == time_ns
    assert [time_ns for time_ns, _ in messages["/chunk"]] == fronts[:-1][::10]
    assert [chunk.id for _, chunk in messages["/chunk"]] == list(range(1, len(messages["/chunk"]) + 1))
    assert len(fronts) < 200


@pytest.mark.parametrize("bag", BAGS, ids=lambda bag: bag.name)
def test_the_pictures_of_a_bundled_episode_can_be_seen(bag: Path) -> None:
    messages = read(bag)
    for topic in ("/front/image/compressed", "/wrist/image/compressed"):
        for _, message in messages[topic][::10]:
            assert message.format == "jpeg"
            picture = cv2.imdecode(message.data, cv2.IMREAD_COLOR)
            assert picture.shape == (240, 320, 3)
            assert picture.std() > 10.0


@pytest.mark.parametrize("bag", BAGS, ids=lambda bag: bag.name)
def test_the_ground_truth_of_a_bundled_episode_is_consistent(bag: Path) -> None:
    messages = read(bag)
    truth = truth_of(messages)
    progress = np.array([message.data for _, message in messages["/ground_truth/progress"]])
    duration_s = (len(progress) - 1) / 10
    assert truth["name"] == bag.name
    assert truth["task_instruction"] == messages["/task"][0][1].data
    assert truth["seed"] >= 900_000
    assert ((progress >= 0.0) & (progress <= 1.0)).all()
    assert progress[0] < 0.1
    if truth["failure_mode"] == "NONE":
        assert truth["outcome"] == "success"
        assert truth["onset_s"] is None
        assert progress[-1] == 1.0
    else:
        assert truth["outcome"] == "failure"
        assert 0.0 < truth["onset_s"] < duration_s - 1.0
        assert progress[-1] < 1.0


@pytest.mark.parametrize("bag", BAGS, ids=lambda bag: bag.name)
def test_the_robot_of_a_bundled_episode_moves(bag: Path) -> None:
    joints = [message for _, message in read(bag)["/joint_states"]]
    positions = np.array([message.position for message in joints])
    assert all(len(message.name) == positions.shape[1] for message in joints)
    assert np.isfinite(positions).all()
    assert np.ptp(positions, axis=0).max() > 0.1
