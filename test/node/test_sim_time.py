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
        self.cameras = [Camera(bench, f"/{namespace}/{name}/image", depth=1000) for name in ("front", "wrist")]
        self.now_ns = START_NS
        self.sent = 0
        self._clock = bench.node.create_publisher(Clock, "/clock", 100)
        self._joints = bench.node.create_publisher(JointState, f"/{namespace}/joint_states", 100)
        bench.until(self._clock.get_subscription_count, "the node to listen to the clock")
        for camera in self.cameras:
            bench.until(camera.publisher.get_subscription_count, "the node to listen to a camera")

    def received(self) -> int:
        return self.judge.count("camera wrist", "frames received")

    def tell_time(self) -> Clock:
        clock = Clock()
        clock.clock.sec, clock.clock.nanosec = divmod(self.now_ns, 10**9)
        self._clock.publish(clock)
        return clock

    def step(self, step_s: float) -> None:
        self.now_ns += round(step_s * 1e9)
        clock = self.tell_time()
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
    slow = {"opinion_timeout_s": 120.0, "front__source_timeout_s": 60.0, "wrist__source_timeout_s": 60.0}
    slow["period_s"] = getattr(request, "param", 1.0)
    judge = start(namespace, use_sim_time=True, task="watch", deadline_s=60.0, hang_timeout_s=60.0, **slow, **reliable)
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
    judge.await_verdict(UNKNOWN, since=before)
    # The next episode starts at once, and of two verdicts in a moment the latched topic may show only the second.
    judge.until(lambda: "evidence of this episode is void" in judge.said(), "the old episode to be declared void")
    found = lambda: [it for it in judge.verdicts[before:] if it.state == PROGRESSING]  # noqa: E731
    play_until(simulation, 0.1, found, "a verdict on a new episode")
    assert found()[0].episode_id != episode
    assert found()[0].header.stamp.sec < START_NS // 10**9


def resident_kib(process: int) -> int:
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


@pytest.mark.parametrize("simulation", [20.0], indirect=True, ids=["period 20 s"])
def test_memory_stays_flat_over_a_half_hour_episode(simulation: Simulation) -> None:
    judge = simulation.judge

    def answers_keep_up() -> bool:
        newest_s = judge.progress[-1].header.stamp.sec if judge.progress else START_NS // 10**9
        return newest_s >= simulation.now_ns // 10**9 - 50

    def play(until_s: int) -> int:
        """Play, and return the memory of the node and of the judge's process in KiB."""
        while simulation.now_ns < START_NS + until_s * 10**9:
            simulation.step(1.0)
            # Far faster than in real time, but never far ahead of what was answered.
            if not answers_keep_up():
                play_until(simulation, 1.0, answers_keep_up, "an answer")
        judge.until(lambda: simulation.received() == simulation.sent, "the node to have taken everything")
        return resident_kib(judge.process.pid) + resident_kib(judge.count("judge", "process"))

    early_kib = play(300)
    late_kib = play(1800)
    assert judge.count("camera wrist", "frames used") > 0.9 * simulation.sent
    assert len({answer.episode_id for answer in judge.progress}) == 1
    assert judge.progress[-1].elapsed_s > 1700
    assert late_kib - early_kib < 8 * 1024, f"from {early_kib} to {late_kib} KiB"
