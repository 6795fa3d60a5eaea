"""Lifecycle, start and end of the node's process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from bench import Bench, Robot
from judge_process import JudgeProcess
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState

from vlm_judge_ros import msg

UNKNOWN, PROGRESSING = msg.Verdict.STATE_UNKNOWN, msg.Verdict.STATE_PROGRESSING


@pytest.fixture
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "lifecycle")
    yield robot
    robot.close()


def change(judge: JudgeProcess, transition: int) -> bool:
    request = {"transition": Transition(id=transition)}
    return bool(judge.bench.call(ChangeState, f"/{judge.name}/change_state", **request).success)


def state(judge: JudgeProcess) -> int:
    return int(judge.bench.call(GetState, f"/{judge.name}/get_state").current_state.id)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_managed_node_goes_through_all_its_states(start: Callable[..., JudgeProcess], robot: Robot) -> None:
    judge = start("lifecycle", ready=False, autostart=False, task="watch", period_s=0.3)
    assert state(judge) == State.PRIMARY_STATE_UNCONFIGURED
    assert change(judge, Transition.TRANSITION_CONFIGURE)
    judge.until(lambda: judge.count("judge", "process"), "the judge's process")
    process = judge.count("judge", "process")
    refused = judge.start_episode("watch")
    assert (refused.success, refused.message) == (False, "The node is not active; activate it first.")

    for _ in range(2):  # it can be deactivated and activated again
        before = len(judge.verdicts)
        assert change(judge, Transition.TRANSITION_ACTIVATE)
        judge.await_verdict(PROGRESSING, since=before)
        assert change(judge, Transition.TRANSITION_DEACTIVATE)
        assert state(judge) == State.PRIMARY_STATE_INACTIVE
        judge.await_state("inactive")

    assert change(judge, Transition.TRANSITION_CLEANUP)
    judge.until(lambda: not alive(process), "the judge's process to end")
    assert state(judge) == State.PRIMARY_STATE_UNCONFIGURED
    assert change(judge, Transition.TRANSITION_CONFIGURE)
    assert change(judge, Transition.TRANSITION_ACTIVATE)
    before = len(judge.verdicts)
    judge.await_verdict(PROGRESSING, since=before)
    assert change(judge, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(judge) == State.PRIMARY_STATE_FINALIZED
    assert judge.end() == 0


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        ("scripted_judge:missing_model", "The model of the script is missing; write one."),
        ("scripted_judge:broken", "failed while it was being made (RuntimeError: no such thing)"),
    ],
)
def test_a_judge_that_cannot_be_loaded_is_told_in_one_sentence(
    start: Callable[..., JudgeProcess], factory: str, sentence: str
) -> None:
    judge = start("unloadable", ready=False, judge=factory)
    assert judge.process.wait(90) == 1
    assert sentence in judge.said()


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"period_s": -1.0}, "Parameter period_s is -1.0; set it to a decimal number from 0 to 3600 s."),
        ({"opinion_timeout_s": 0.5}, "Parameter opinion_timeout_s is 0.5 s and period_s is 1.0 s; set"),
    ],
)
def test_a_parameter_that_cannot_be_is_told_in_one_sentence(
    start: Callable[..., JudgeProcess], parameters: dict[str, object], sentence: str
) -> None:
    judge = start("refused", ready=False, **parameters)
    assert judge.process.wait(90) == 1
    assert sentence in judge.said()
    assert "Traceback" not in judge.said()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_model_call_ends_node_and_judge(
    start: Callable[..., JudgeProcess], robot: Robot, number: int
) -> None:
    judge = start("lifecycle", task="sleep=3600", period_s=0.3, deadline_s=600.0, hang_timeout_s=600.0)
    judge.until(lambda: judge.values("judge").get("state") == "busy", "a model call")
    process = judge.count("judge", "process")
    assert judge.end(number) == 0
    judge.bench.until(lambda: not alive(process), "the judge's process to end")
    assert "Traceback" not in judge.said()


def test_the_judge_does_not_outlive_a_node_that_was_killed(start: Callable[..., JudgeProcess], robot: Robot) -> None:
    judge = start("lifecycle", task="sleep=3600", period_s=0.3, deadline_s=600.0, hang_timeout_s=600.0)
    judge.until(lambda: judge.values("judge").get("state") == "busy", "a model call")
    process = judge.count("judge", "process")
    assert judge.end(signal.SIGKILL) == -signal.SIGKILL
    judge.bench.until(lambda: not alive(process), "the judge's process to end")
