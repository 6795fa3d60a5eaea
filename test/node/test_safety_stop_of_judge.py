"""The safety stop node beside the real judge node, which is killed, frozen and made to find a failure."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest
from bench import Bench, Robot
from judge_process import JudgeProcess
from stop_process import State, StopNodes, StopProcess


@pytest.fixture
def robot(bench: Bench, namespace: str) -> Iterator[Robot]:
    robot = Robot(bench, namespace)
    yield robot
    robot.close()


@pytest.fixture
def judge(start: Callable[..., JudgeProcess], robot: Robot, namespace: str) -> JudgeProcess:
    return start(namespace, period_s=0.2, success_threshold=1.0)


def watch(stop_node: StopNodes, judge: JudgeProcess) -> StopProcess:
    node = stop_node(heartbeat_timeout_s=2.0, unknown_timeout_s=60.0, verdict_timeout_s=60.0)
    judge.begin("move")
    judge.await_progress()
    assert not node.state.stopped
    return node


def test_a_judge_that_is_killed_stops_the_robot_with_its_name(judge: JudgeProcess, stop_node: StopNodes) -> None:
    node = watch(stop_node, judge)
    judge.process.kill()
    judge.process.wait()
    stopped = node.await_stop(State.CAUSE_HEARTBEAT_SILENT)
    assert stopped.source == f"/{judge.name}" and stopped.source in stopped.text
    assert node.bools[-1].data is True
    refused = node.reset()
    assert not refused.success and "silent" in refused.message


def test_a_judge_that_is_frozen_stops_the_robot_until_it_goes_on(judge: JudgeProcess, stop_node: StopNodes) -> None:
    node = watch(stop_node, judge)
    judge.process.send_signal(signal.SIGSTOP)
    try:
        node.await_stop(State.CAUSE_HEARTBEAT_SILENT)
        assert not node.reset().success
    finally:
        judge.process.send_signal(signal.SIGCONT)
    node.await_state(lambda state: not state.standing, "the judge to be heard again")
    assert node.reset().success


def test_a_failure_that_the_judge_confirms_stops_the_robot_until_its_episode_has_ended(
    judge: JudgeProcess, stop_node: StopNodes
) -> None:
    node = watch(stop_node, judge)
    judge.begin("fail")
    stopped = node.await_stop(State.CAUSE_FAILURE)
    assert stopped.source == "OBJECT_DROPPED"
    assert not node.reset().success
    judge.end_episode()
    node.await_state(lambda state: not state.standing, "the failure to be closed")
    assert node.reset().success
    assert not node.await_state(lambda state: not state.stopped, "the end of the stop").standing


def test_a_judge_that_is_started_anew_in_an_episode_stops_the_robot_and_is_named(
    judge: JudgeProcess, start: Callable[..., JudgeProcess], stop_node: StopNodes, namespace: str
) -> None:
    node = stop_node(heartbeat_timeout_s=60.0, unknown_timeout_s=60.0, verdict_timeout_s=60.0)
    judge.begin("move")
    judge.await_progress()
    judge.process.kill()
    judge.process.wait()
    assert not node.state.stopped
    start(namespace)
    stopped = node.await_stop(State.CAUSE_HEARTBEAT_SILENT)
    assert "started anew" in stopped.text
    assert node.reset().success
