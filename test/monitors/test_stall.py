from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joints import EPISODE, START_NS, at, chunk, frame, only
from pydantic import ValidationError

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Effect, Finding, Severity
from vlm_judge_ros.monitors.stall import Stall, StallMonitor

STALL = Stall(kind="stall", name="stall")
ALWAYS = Stall(kind="stall", name="stall", commanded_by="always", failure_s=5.0)


class Robot:
    """A robot before two cameras, told to move in chunks of a second."""

    def __init__(self, spec: Stall = STALL, rate_hz: int = 50) -> None:
        self.monitor: StallMonitor = spec.make(EPISODE)
        self.rate_hz = rate_hz
        self.ticks = 0
        self.angle = 0.0

    @property
    def time_s(self) -> float:
        return self.ticks / self.rate_hz

    def run(
        self, duration_s: float, *, speed: float = 0.0, seen: bool = False, told: bool = True, done: bool = False
    ) -> Finding:
        for _ in range(round(duration_s * self.rate_hz)):
            if told and self.ticks % self.rate_hz == 0:
                self.monitor.add_chunk(chunk(1 + self.ticks, self.time_s, declares_done=done))
            if self.ticks % max(1, self.rate_hz // 10) == 0:
                for camera in EPISODE.cameras:
                    self.monitor.add_frame(frame(camera, self.time_s, int(self.time_s * 8) if seen else 0))
            self.angle += speed / self.rate_hz
            self.monitor.add_joints(JointSample(at(self.time_s), ("elbow",), (self.angle,)))
            self.ticks += 1
        return only(self.monitor, at(self.time_s))


def test_before_joint_states_come_it_is_not_known_whether_the_robot_moves() -> None:
    assert only(STALL.make(EPISODE), START_NS).effect is Effect.BLIND


@pytest.mark.parametrize("rate_hz", [10, 50, 200, 1000])
def test_standing_still_while_told_to_move_is_a_stall_and_later_a_failure(rate_hz: int) -> None:
    robot = Robot(rate_hz=rate_hz)
    assert robot.run(3.0, speed=0.2, seen=True).effect is Effect.NEUTRAL
    assert robot.run(1.5).effect is Effect.NEUTRAL
    stalled = robot.run(2.0)
    assert (stalled.effect, stalled.mode, stalled.severity) == (Effect.STALL, FailureMode.NONE, Severity.WARNING)
    assert not robot.monitor.alarm
    failed = robot.run(8.0)
    assert (failed.effect, failed.mode) == (Effect.FAILURE, FailureMode.STALL)
    assert robot.monitor.alarm
    assert failed.onset_ns is not None
    assert 2.5 <= (failed.onset_ns - START_NS) * 1e-9 <= 4.0
    assert "elbow" in failed.text


def test_moving_again_ends_it() -> None:
    robot = Robot()
    assert robot.run(15.0).effect is Effect.FAILURE
    assert robot.run(1.0, speed=0.2).effect is Effect.NEUTRAL
    assert not robot.monitor.alarm


def test_joints_that_rest_while_the_image_changes_do_not_stall() -> None:
    assert Robot().run(15.0, seen=True).effect is Effect.NEUTRAL


def test_a_moving_joint_before_an_image_that_rests_does_not_stall() -> None:
    assert Robot().run(15.0, speed=0.05).effect is Effect.NEUTRAL


def test_a_camera_with_too_few_frames_is_named_and_nothing_is_concluded() -> None:
    monitor = ALWAYS.make(EPISODE)
    for index in range(1000):
        monitor.add_frame(frame("front", index / 100))
        monitor.add_joints(JointSample(at(index / 100), ("elbow",), (1.0,)))
    found = only(monitor, at(10.0))
    assert found.effect is Effect.NEUTRAL
    assert "camera wrist sent too few frames" in found.text


def test_images_are_not_asked_where_the_share_is_1() -> None:
    robot = Robot(Stall(kind="stall", name="stall", image_share=1.0))
    assert robot.run(15.0, seen=True).effect is Effect.FAILURE


def test_a_pause_shorter_than_the_window_is_nothing() -> None:
    robot = Robot()
    for _ in range(6):
        assert robot.run(2.0, speed=0.2).effect is Effect.NEUTRAL
        assert robot.run(1.5).effect is Effect.NEUTRAL


def test_rest_that_nobody_commands_is_no_stall() -> None:
    robot = Robot()
    robot.run(2.0, speed=0.2)
    assert robot.run(20.0, told=False).effect is Effect.NEUTRAL


def test_rest_after_a_policy_said_that_it_is_done_is_no_stall() -> None:
    assert Robot().run(20.0, done=True).effect is Effect.NEUTRAL


def test_rest_after_the_gate_found_the_task_complete_is_no_stall() -> None:
    robot = Robot()
    assert robot.run(15.0).effect is Effect.FAILURE
    robot.monitor.add_completion(True)
    assert not robot.monitor.alarm
    assert robot.run(15.0).effect is Effect.NEUTRAL
    robot.monitor.add_completion(False)
    assert robot.run(15.0).effect is Effect.FAILURE


def test_a_signal_can_tell_the_command() -> None:
    spec = Stall(kind="stall", name="stall", commanded_by="signal", command_signal="speed", command_level=0.05)
    robot = Robot(spec)
    for velocity, effect in ((0.01, Effect.NEUTRAL), (math.nan, Effect.NEUTRAL), (-0.2, Effect.STALL)):
        for _ in range(50):
            robot.monitor.add_signals(SignalSample(at(robot.time_s), {"speed": velocity}))
            found = robot.run(0.1, told=False)
        assert found.effect is effect
    assert spec.signals == ("speed",)


def test_joint_states_that_fall_silent_blind_it() -> None:
    robot = Robot(ALWAYS)
    robot.run(3.0)
    assert only(robot.monitor, at(4.5)).effect is Effect.BLIND
    assert "1.5 s old" in only(robot.monitor, at(4.5)).text


def test_noise_of_the_sensors_is_no_motion() -> None:
    monitor = ALWAYS.make(EPISODE)
    for index in range(1000):
        for camera in EPISODE.cameras:
            monitor.add_frame(frame(camera, index / 100))
        monitor.add_joints(JointSample(at(index / 100), ("elbow",), (1.0 + 0.004 * math.sin(index * 97.0),)))
    assert monitor.alarm


@pytest.mark.parametrize(
    "wrong",
    [
        {"commanded_by": "signal"},
        {"command_signal": "speed"},
        {"commanded_by": "signal", "command_signal": "speed"},
        {"window_s": 5.0, "failure_s": 3.0},
    ],
)
def test_what_does_not_go_together_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Stall.model_validate({"kind": "stall", "name": "stall", **wrong})


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10_000_000_000) | st.just(10**18),
            st.sampled_from([("a",), ("b", "c"), ()]),
            st.floats() | st.floats(-3.0, 3.0),
        ),
        max_size=80,
    )
)
def test_no_stamp_and_no_number_does_harm(samples: list[tuple[int, tuple[str, ...], float]]) -> None:
    monitor = ALWAYS.make(EPISODE)
    for offset_ns, names, position in samples:
        monitor.add_frame(frame("front", offset_ns * 1e-9))
        monitor.add_joints(JointSample(START_NS + offset_ns, names, (position,) * len(names)))
        assert len(monitor.findings(START_NS + offset_ns)) == 1
