"""A recorded force breaks its limit in a live node and in an engine that is fed from the bag, at the same stamp."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from node.test_demo import demo, finish
from replay.episode_bag import STARTED_NS, EpisodeBag
from ros_domain import unused_domain

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.node.live_replay import Watcher, replay_live
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.events import events
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.topics import find_signals
from vlm_judge_ros.tasks.signals import signal_topics
from vlm_judge_ros.tasks.task_file import load_task
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.verdict import State, Verdict

MOVE = """
name: move_square
instruction: move the square to the right
signals:
  force: {topic: wrench, type: geometry_msgs/msg/WrenchStamped, field: wrench.force.z, unit: N}
monitors:
  - {kind: threshold, name: force_limit, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}
"""
PUSH_FROM_S = 1.2
PUSH_NS = STARTED_NS + 1_200_000_000


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    path = tmp_path / "move.yaml"
    path.write_text(MOVE)
    return path


def first_failed_by_engine(bag: Bag, recording: Recording, task_file: Path) -> Verdict:
    file = load_task(str(task_file))
    declared = find_signals(bag.topics, recording.topics, signal_topics(file.task))
    engine = Engine()
    engine.start_episode(recording.name, recording.task, recording.started_ns, file.task)
    for event in events(bag, recording.topics, declared):
        if isinstance(event.content, SignalSample):
            engine.add_signals(event.content)
        elif isinstance(event.content, JointSample):
            engine.add_joint_state(event.content)
        elif isinstance(event.content, Frame):
            engine.add_frame(event.content, event.time_ns)
        if engine.urgent and engine.check(event.time_ns).state is State.FAILED:
            return engine.verdict
    raise AssertionError("the engine found no failure")


def test_a_recorded_force_fails_the_episode_at_the_same_stamp_live_and_from_the_bag(
    tmp_path: Path, task_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    path = EpisodeBag(name="pushed", duration_s=2.0, push_from_s=PUSH_FROM_S).write(tmp_path)
    watcher = Watcher(lambda _: None, lambda _: None, lambda _: None)
    parameters = {"judge": "node.square_judge:create", "task_files": f"[{task_file}]"}
    with Bag(path) as bag:
        recording = Recording.read(bag)
        trace = replay_live(bag, recording, watcher, threading.Event(), 1.0, parameters, unused_domain())
        fed = first_failed_by_engine(bag, recording, task_file)
    live = next(ruling for ruling in trace.rulings if ruling.state is State.FAILED)
    assert live.failure_mode is fed.failure_mode is FailureMode.COLLISION
    assert live.onset_s == pytest.approx(PUSH_FROM_S)
    assert fed.failure_onset_ns == PUSH_NS
    (said_live,), (said_fed,) = live.decided_by, fed.decided_by
    assert said_live.stamp_ns == said_fed.stamp_ns == PUSH_NS
    assert (said_live.name, said_live.value, said_live.text) == (said_fed.name, said_fed.value, said_fed.text)


def test_the_demonstration_takes_task_files(tmp_path: Path, task_file: Path) -> None:
    bag = EpisodeBag(name="pushed", duration_s=2.0, push_from_s=PUSH_FROM_S, truth=False).write(tmp_path)
    setting = f"task_files=[{task_file}]"
    with demo("--bag", bag, "--set", setting, "--out", tmp_path / "page.html", "--json") as process:
        out, err = finish(process)
        assert process.returncode == 0, err
    assert json.loads(out)["episodes"][0]["verdict"] == "FAILED"
    words = ("--bag", bag, "--task", "juggle", "--set", setting, "--out", tmp_path / "page.html")
    with demo(*words) as process:
        _, err = finish(process)
    assert process.returncode == 1
    assert "No task file declares the task 'juggle'" in err
