"""Bags played over DDS to the judge node and the safety stop node: when it stops, that it holds, and when it lets go.

Simulated time stands still between bags, so that nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from bench import Bench
from judge_process import JudgeProcess
from rclpy.qos import QoSProfile
from replay.episode_bag import STARTED_NS, EpisodeBag
from stop_process import State, StopProcess

from vlm_judge_ros import msg
from vlm_judge_ros.episode.stamps import NANOSECONDS_PER_SECOND
from vlm_judge_ros.node.player import HISTORY, Player
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode

UNKNOWN = msg.Verdict.STATE_UNKNOWN
NAMESPACE = "bags"
TOPICS = {
    "/front/image/compressed": "front/image/compressed",
    "/wrist/image/compressed": "wrist/image/compressed",
    "/joint_states": "joint_states",
    "/arm/wrench": "arm/wrench",
}
MOVE = """
name: move_square
instruction: move the square to the right
signals:
  force: {topic: arm/wrench, type: geometry_msgs/msg/WrenchStamped, field: wrench.force.z, unit: N}
  elbow: {topic: joint_states, type: sensor_msgs/msg/JointState, field: "position[elbow]", unit: rad}
monitors:
  - {kind: threshold, name: force_limit, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}
  - {kind: threshold, name: elbow_range, signal: elbow, min: -0.1, max: 2.1, severity: critical}
"""
# What these tasks carry they never let go of.
CARRY = """
name: carry_puck
instruction: carry the puck to its target
signals:
  finger: {topic: joint_states, type: sensor_msgs/msg/JointState, field: "position[r_close]", unit: m}
monitors:
  - {kind: grasp_missed, name: puck_missed, signal: finger, open_at: 0.0, closed_at: 0.04}
  - kind: object_lost
    name: puck_dropped
    signal: finger
    open_at: 0.0
    closed_at: 0.04
    release: never
    severity: critical
success:
  evidence: [image_motion]
"""


class Stage:
    """The two nodes under test, and what plays to them.

    Attributes:
        heard: every state of the stop node, each with the simulated time at which it came.
    """

    def __init__(self, bench: Bench, judge: JudgeProcess, stop: StopProcess) -> None:
        self.bench = bench
        self.judge = judge
        self.stop = stop
        self.heard: list[tuple[int, State]] = []
        self._now_ns: Callable[[], int] = lambda: 0
        self._beats = bench.listen(msg.Heartbeat, f"/{judge.name}/heartbeat", QoSProfile(depth=100))
        bench.node.create_subscription(State, f"{stop.name}/state", self._on_state, 100)

    def play(self, path: Path, task: str = "", rate: float = 1.0) -> int:
        """Play a whole bag, in a new episode where a task is given; returns when it began in simulated time."""
        node = rclpy.create_node("player", namespace=f"/{NAMESPACE}")
        try:
            with Bag(path) as bag:
                names = {recorded: name for recorded, name in TOPICS.items() if recorded in bag.topics}
                player = Player(node, bag, names, rate=rate)
                player.await_subscribers(60.0, lambda: None)
                self._now_ns = lambda: player.now_ns
                self.await_time(player)
                if task:
                    self.judge.begin(task)
                player.play(threading.Event())
                self.await_time(player)
                return bag.started_ns
        finally:
            node.destroy_node()

    def await_time(self, player: Player) -> None:
        """Wait until the judge has come to the time that is played."""

        def has_come() -> bool:
            player.tick()
            return bool(self._beats) and nanoseconds_of(self._beats[-1].header.stamp) == player.now_ns

        self.judge.until(has_come, "the judge to read the time of the bag")

    def await_more_states(self) -> None:
        """Wait for a state that was sent after this call."""
        before = len(self.heard)
        self.bench.until(lambda: len(self.heard) >= before + 2, "a state of the stop node")

    def stopped_since(self, first: int) -> int:
        """When the first state that says stopped was heard; all after it have to say the same."""
        self.await_more_states()
        states = self.heard[first:]
        begin = next(index for index, (_, state) in enumerate(states) if state.stopped)
        assert len(states[begin:]) >= 2
        assert all(state.stopped for _, state in states[begin:])
        assert self.stop.bools[-1].data is True
        return states[begin][0]

    def reset(self) -> None:
        """Reset once no cause stands any more."""
        stopped = self.stop.await_state(lambda state: not state.standing, "every cause to have ended")
        assert stopped.stopped, "it let go by itself"
        answer = self.stop.reset()
        assert answer.success, answer.message
        self.stop.await_state(lambda state: not state.stopped, "the end of the stop")
        self.stop.until(lambda: self.stop.bools[-1].data is False, "the command to go on")

    def _on_state(self, state: State) -> None:
        with self.bench.news:
            self.heard.append((self._now_ns(), state))
            self.bench.news.notify_all()


def before_s(seconds: float) -> int:
    """A stamp so many seconds before the bundled episodes, whose clocks all begin at the same moment."""
    return STARTED_NS - round(seconds * NANOSECONDS_PER_SECOND)


def nanoseconds_of(stamp: object) -> int:
    return int(stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec)


@pytest.fixture(scope="module")
def stage(
    bench: Bench, start: Callable[..., JudgeProcess], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    files = folder / "move.yaml", folder / "carry.yaml"
    for path, text in zip(files, (MOVE, CARRY), strict=True):
        path.write_text(text)
    cameras: dict[str, object] = {}
    for camera in ("front", "wrist"):
        cameras |= {f"{camera}__transport": "compressed", f"{camera}__reliability": "reliable"}
        cameras[f"{camera}__depth"] = HISTORY
    judge = start(
        NAMESPACE,
        use_sim_time=True,
        auto_episode=False,
        task_files=f"[{files[0]}, {files[1]}]",
        period_s=0.2,
        deadline_s=30.0,
        **cameras,
    )
    patience = {"heartbeat_timeout_s": 10.0, "verdict_timeout_s": 60.0, "unknown_timeout_s": 60.0}
    stop = StopProcess(bench, NAMESPACE, folder / "stop.txt", {"use_sim_time": True, **patience}, {})
    try:
        stop.await_watching()
        yield Stage(bench, judge, stop)
    finally:
        stop.end()


@pytest.fixture(autouse=True)
def nothing_holds(stage: Stage) -> Iterator[None]:
    """Each test begins with a robot that may move, and no episode."""
    yield
    stage.judge.end_episode()
    if stage.stop.state.stopped:
        stage.reset()


def test_a_broken_limit_stops_until_it_has_healed_and_somebody_resets(stage: Stage, tmp_path: Path) -> None:
    first, events = len(stage.heard), len(stage.judge.failures)
    broken = EpisodeBag("broken", 3.0, push_from_s=1.0, push_to_s=2.0, signal_hz=100, started_ns=before_s(60))
    began_ns = stage.play(broken.write(tmp_path), "move the square to the right")
    fault_ns = began_ns + 10**9
    stopped = stage.stop.await_stop(State.CAUSE_FAILURE)
    assert stopped.source == "COLLISION"
    assert stage.stopped_since(first) >= fault_ns
    assert nanoseconds_of(stage.judge.failures[events].onset) == fault_ns
    # The force has been well again for a second, which is not long enough to have healed.
    refused = stage.stop.reset()
    assert not refused.success
    assert "COLLISION" in refused.message
    well = EpisodeBag("well", 4.0, push_from_s=99.0, signal_hz=100, started_ns=before_s(56.9))
    stage.play(well.write(tmp_path))
    stage.stop.await_state(lambda state: not state.standing, "the failure to have healed")
    assert stage.stopped_since(first) >= fault_ns
    stage.reset()
    assert stage.stop.state.stops == stopped.stops
    # The same episode, and a single message beyond the limit.
    again = EpisodeBag("again", 2.0, push_from_s=1.0, push_to_s=1.01, signal_hz=100, started_ns=before_s(52.8))
    first = len(stage.heard)
    began_ns = stage.play(again.write(tmp_path))
    assert stage.stop.await_stop(State.CAUSE_FAILURE).stops == stopped.stops + 1
    assert stage.stopped_since(first) >= began_ns + 10**9
    assert nanoseconds_of(stage.judge.failures[-1].onset) == began_ns + 10**9
    assert not stage.stop.reset().success


def test_a_bundled_drop_stops_when_the_gripper_loses_the_puck(stage: Stage) -> None:
    first = len(stage.heard)
    began_ns = stage.play(bundled_episode("pick-place_drop_900008"), "carry_puck", rate=2.0)
    stopped = stage.stop.await_stop(State.CAUSE_FAILURE)
    assert stopped.source == "OBJECT_DROPPED"
    assert "opened" in stopped.text
    # The gripper begins to open 5.7 s after the start.
    assert stage.stopped_since(first) >= began_ns + 5_700_000_000
    assert not stage.stop.reset().success


def test_successes_are_never_stopped(stage: Stage, tmp_path: Path) -> None:
    first, verdicts = len(stage.heard), len(stage.judge.verdicts)
    made = EpisodeBag("moved", 3.0, push_from_s=99.0, signal_hz=100, started_ns=before_s(40))
    stage.play(made.write(tmp_path), "move the square to the right")
    stage.judge.end_episode()
    stage.play(bundled_episode("pick-place_none_900006"), "carry_puck", rate=2.0)
    stage.await_more_states()
    assert [state.text for _, state in stage.heard[first:] if state.stopped] == []
    # They were watched: without signals or cameras the verdict would have stayed UNKNOWN.
    watched = {verdict.task for verdict in stage.judge.verdicts[verdicts:] if verdict.state != UNKNOWN}
    assert watched == {"move the square to the right", "carry the puck to its target"}
