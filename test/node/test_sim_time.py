"""The node on simulated time: a clock that is published, stands still and goes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import Bench, Camera
from judge_process import JudgeProcess
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from vlm_judge_ros import msg

UNKNOWN, PROGRESSING = msg.Verdict.STATE_UNKNOWN, msg.Verdict.STATE_PROGRESSING
START_NS = 1_700_000_000 * 10**9


class Simulation:
    """Publishes clock, images and joints step by step, as fast as the node takes them."""

    def __init__(self, bench: Bench, judge: JudgeProcess, namespace: str) -> None:
        self.judge = judge
        self.cameras = [Camera(bench, f"/{namespace}/{name}/image") for name in ("front", "wrist")]
        self.now_ns = START_NS
        self.sent = 0
        self._clock = bench.node.create_publisher(Clock, "/clock", 100)
        self._joints = bench.node.create_publisher(JointState, f"/{namespace}/joint_states", 100)
        bench.until(self._clock.get_subscription_count, "the node to listen to the clock")
        for camera in self.cameras:
            bench.until(camera._publisher.get_subscription_count, "the node to listen to a camera")

    def received(self) -> int:
        return self.judge.count("camera wrist", "frames received")

    def step(self, step_s: float) -> None:
        self.now_ns += round(step_s * 1e9)
        clock = Clock()
        clock.clock.sec, clock.clock.nanosec = divmod(self.now_ns, 10**9)
        self._clock.publish(clock)
        brightness = 60 + self.sent % 120
        for camera in self.cameras:
            camera.publish(self.now_ns, brightness)
        joints = JointState(name=["elbow"], position=[self.sent * 0.02])
        joints.header.stamp = clock.clock
        self._joints.publish(joints)
        self.sent += 1


@pytest.fixture
def simulation(
    bench: Bench, start: Callable[..., JudgeProcess], request: pytest.FixtureRequest
) -> Iterator[Simulation]:
    namespace = request.node.name[:40]
    reliable = {
        f"{name}__{key}": value
        for name in ("front", "wrist")
        for key, value in (("reliability", "reliable"), ("depth", 1000))
    }
    judge = start(namespace, use_sim_time=True, task="watch", period_s=1.0, deadline_s=60.0, **reliable)
    yield Simulation(bench, judge, namespace)
    judge.end()


def play_until(simulation: Simulation, step_s: float, condition: Callable[[], object], what: str) -> None:
    def played() -> object:
        simulation.step(step_s)
        return condition()

    simulation.judge.until(played, what)


def test_verdicts_follow_the_published_clock_and_survive_its_going_back(simulation: Simulation) -> None:
    judge = simulation.judge
    play_until(simulation, 0.1, lambda: [it for it in judge.verdicts if it.state == PROGRESSING], "a verdict")
    assert START_NS // 10**9 <= judge.verdicts[-1].header.stamp.sec <= simulation.now_ns // 10**9
    episode = judge.verdicts[-1].episode_id

    before = len(judge.verdicts)
    simulation.now_ns = START_NS - 500 * 10**9
    play_until(simulation, 0.1, lambda: judge.count("episode", "clock jumps back") == 1, "the jump to be counted")
    judge.await_verdict(UNKNOWN, "void", before)
    found = lambda: [it for it in judge.verdicts[before:] if it.state == PROGRESSING]  # noqa: E731
    play_until(simulation, 0.1, found, "a verdict on a new episode")
    assert found()[0].episode_id != episode
    assert found()[0].header.stamp.sec < START_NS // 10**9


def resident_kib(process: int) -> int:
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


def test_memory_stays_flat_over_a_half_hour_episode(simulation: Simulation) -> None:
    judge = simulation.judge

    def play(seconds: float) -> None:
        for _ in range(round(2 * seconds)):
            simulation.step(0.5)
            # The node is never asked to take more than its queues hold.
            if simulation.sent % 400 == 0:
                judge.until(lambda: simulation.received() >= simulation.sent - 200, "the node to keep up")
        judge.until(lambda: simulation.received() == simulation.sent, "the node to have taken everything")

    play(300)
    children = lambda: resident_kib(judge.process.pid) + resident_kib(judge.count("judge", "process"))  # noqa: E731
    early_kib = children()
    play(1500)
    late_kib = children()
    assert judge.count("camera wrist", "frames used") == simulation.sent
    assert late_kib - early_kib < 8 * 1024, f"from {early_kib} to {late_kib} KiB"
