"""A recording that is played to a live node in lockstep, and the same recording scored: the same, field by field."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from node.told import Told, told
from rclpy.qos import DurabilityPolicy, QoSProfile
from replay.episode_bag import EpisodeBag
from replay.spoilt_bag import spoil
from rosbags.rosbag2 import StoragePlugin

from vlm_judge_ros import msg
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.node.live_replay import JUDGE_NAME, Watcher, replay_live
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode

ALL = QoSProfile(depth=1000)
ALL_LATCHED = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SQUARE: Mapping[str, object] = {"judge": "node.square_judge:create"}
MOVE = """
name: move_square
instruction: move the square to the right
signals:
  force: {topic: wrench, type: geometry_msgs/msg/WrenchStamped, field: wrench.force.z, unit: N}
  elbow: {topic: joint_states, type: sensor_msgs/msg/JointState, field: "position[elbow]", unit: rad}
monitors:
  - {kind: threshold, name: force_limit, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}
  - {kind: threshold, name: elbow_limit, signal: elbow, max: 1.1, duration_s: 0.2, failure_mode: UNSTABLE}
"""


@pytest.fixture(autouse=True)
def judges_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    path = tmp_path / "move.yaml"
    path.write_text(MOVE)
    return path


def scored(path: Path, parameters: Mapping[str, object]) -> Told:
    episode = BagEpisode.find(path)
    judge = EpisodeJudge({**GivenParameters().for_cameras(episode.description.cameras), **parameters})
    heard = Told()
    try:
        judge.judge(episode, [heard])
    finally:
        judge.close()
    return heard


def played(bench: Bench, path: Path, parameters: Mapping[str, object], expected: Told) -> Told:
    domain = int(os.environ["ROS_DOMAIN_ID"])
    judge = f"/vlm_judge_{domain}/{JUDGE_NAME}"
    others = [
        (bench.listen(kind, f"{judge}/{name}", ALL), wanted)
        for kind, name, wanted in (
            (msg.Progress, "progress", expected.answers),
            (msg.Progress, "review", expected.reviews),
            (msg.Failure, "failure", expected.failures),
        )
    ]
    verdicts = bench.listen(msg.Verdict, f"{judge}/verdict", ALL_LATCHED)

    def await_discovery(_: float) -> None:
        # Who gets the latched verdict, for which it asked last, is known to the node for the other topics too.
        bench.until(lambda: verdicts, "a first verdict")

    with Bag(path) as bag:
        recording = Recording.read(bag)
        watcher = Watcher(await_discovery, lambda _: None, lambda _: None)
        replay_live(bag, recording, watcher, threading.Event(), 100.0, parameters, domain, lockstep=True)
    # After the last verdict of an episode comes one which says that none runs.
    bench.until(lambda: len(verdicts) > 2 and not verdicts[-1].episode_id, "the end of the episode")
    for heard, wanted in others:
        bench.until(lambda heard=heard, wanted=wanted: len(heard) >= len(wanted), f"{len(wanted)} messages")
    result = Told()
    result.verdicts = [told(verdict) for verdict in verdicts if verdict.episode_id]
    result.answers, result.reviews, result.failures = ([told(entry) for entry in heard] for heard, _ in others)
    return result


def assert_same(bench: Bench, path: Path, parameters: Mapping[str, object]) -> Told:
    expected = scored(path, parameters)
    live = played(bench, path, parameters, expected)
    for name in ("verdicts", "answers", "reviews", "failures"):
        one, other = getattr(live, name), getattr(expected, name)
        differing = [(left, right) for left, right in zip(one, other, strict=False) if left != right]
        assert not differing, f"{name}: live {differing[0][0]}\nand scored {differing[0][1]}"
        assert len(one) == len(other), name
    return expected


def modes(entries: list[Any], field: str) -> set[FailureMode]:
    return {FailureMode(entry[field]) for entry in entries}


@pytest.mark.parametrize("name", ["pick-place_drop_900008", "drawer-open_none_900005"])
def test_a_bundled_episode(bench: Bench, name: str) -> None:
    heard = assert_same(bench, bundled_episode(name), {})
    assert len(heard.verdicts) > 5
    assert len(heard.answers) > 5


def test_a_bag_with_a_declared_task_whose_signals_break_limits(bench: Bench, tmp_path: Path, task_file: Path) -> None:
    path = EpisodeBag(name="pushed", duration_s=3.0, push_from_s=1.21, push_to_s=1.6, signal_hz=100).write(tmp_path)
    heard = assert_same(bench, path, {**SQUARE, "task_files": (str(task_file),)})
    assert modes(heard.failures, "mode") >= {FailureMode.COLLISION, FailureMode.UNSTABLE}
    assert modes(heard.verdicts, "failure_mode") >= {FailureMode.COLLISION}


def test_raw_images_in_sqlite_where_whole_groups_of_messages_have_the_same_stamp(
    bench: Bench, tmp_path: Path, task_file: Path
) -> None:
    made = EpisodeBag(name="same", duration_s=2.0, push_from_s=1.0, raw=True, storage=StoragePlugin.SQLITE3)
    heard = assert_same(bench, made.write(tmp_path), {**SQUARE, "task_files": (str(task_file),)})
    assert modes(heard.failures, "mode") >= {FailureMode.COLLISION}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_bag_with_late_lost_repeated_and_broken_messages(
    bench: Bench, tmp_path: Path, task_file: Path, seed: int
) -> None:
    made = EpisodeBag(name="whole", duration_s=5.0, push_from_s=3.1, push_to_s=3.3, signal_hz=50)
    path = spoil(made.write(tmp_path), tmp_path / "spoilt", seed)
    review = {"review_judge": "node.square_judge:create", "review_period_s": 2.0}
    heard = assert_same(bench, path, {**SQUARE, **review, "task_files": (str(task_file),)})
    assert len(heard.reviews) >= 1
    assert heard.failures


def test_cameras_at_30_hz_of_which_about_ten_frames_a_second_are_looked_at(bench: Bench, tmp_path: Path) -> None:
    made = EpisodeBag(name="fast", duration_s=3.0, signal_hz=60, camera_hz=30)
    heard = assert_same(bench, spoil(made.write(tmp_path), tmp_path / "spoilt", 3), SQUARE)
    assert len(heard.answers) > 1
