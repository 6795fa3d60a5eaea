"""Timeouts and stalls as the whole engine weighs them."""

from __future__ import annotations

import pytest
from scene import START_NS, Scene

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.stall import Stall
from vlm_judge_ros.tasks.task import Subtask, Task
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.verdict import State

COMPLETE = {"progress": 1.0, "success_probability": 0.99, "failure_probability": 0.0}


def scene_of(declared: Task) -> Scene:
    scene = Scene()
    scene.engine = Engine()
    scene.engine.start_episode("one", declared.instruction, START_NS, declared)
    return scene


def test_a_task_past_its_timeout_fails_by_itself() -> None:
    scene = scene_of(Task(name="push", instruction="push the button", timeout_s=10.0))
    assert scene.run(9.9, progress=0.3).state is not State.FAILED
    verdict = scene.run(2.0)
    assert (verdict.state, verdict.failure_mode) == (State.FAILED, FailureMode.TIMEOUT)
    assert verdict.failure_onset_ns == START_NS + nanoseconds(10.0)


def test_a_task_that_is_complete_in_time_does_not_fail_by_its_timeout() -> None:
    scene = scene_of(Task(name="push", instruction="push the button", timeout_s=10.0))
    assert scene.run(8.0, **COMPLETE).state is State.SUCCEEDED
    assert scene.run(20.0).state is State.SUCCEEDED


def test_a_judge_alone_does_not_stop_the_clock() -> None:
    scene = scene_of(Task(name="push", instruction="push the button", timeout_s=10.0))
    scene.joints = False
    scene.run(8.0, **COMPLETE)
    assert scene.run(4.0).failure_mode is FailureMode.TIMEOUT


def test_success_that_is_taken_back_leaves_the_timeout_as_it_was() -> None:
    scene = scene_of(Task(name="push", instruction="push the button", timeout_s=10.0))
    assert scene.run(8.0, **COMPLETE).state is State.SUCCEEDED
    assert scene.run(8.0, progress=0.4, success_probability=0.0).failure_mode is FailureMode.TIMEOUT


def test_a_subtask_past_its_timeout_is_named() -> None:
    steps = (Subtask(name="reach"), Subtask(name="press", timeout_s=5.0))
    scene = scene_of(Task(name="push", instruction="push the button", subtasks=steps))
    assert scene.run(20.0, progress=0.2).state is not State.FAILED
    verdict = scene.run(8.0, progress=0.6)
    assert (verdict.state, verdict.failure_mode) == (State.FAILED, FailureMode.TIMEOUT)
    assert "'press'" in verdict.reason


@pytest.mark.parametrize("commanded", [True, False])
def test_a_robot_that_is_told_to_move_and_does_not_stalls_and_then_fails(commanded: bool) -> None:
    stall = Stall(kind="stall", name="stall", failure_s=6.0)
    scene = scene_of(Task(name="push", instruction="push the button", monitors=(stall,)))
    # The joint comes to rest where the scene lets it rest, at 0 rad: a jump would be a camera that is frozen.
    scene.run(3.1, progress=0.3)
    scene.moving = False
    states = []
    for second in range(10):
        if commanded:
            chunk = Chunk(1 + second, scene.now_ns, horizon=10, step_s=0.1)
            assert scene.engine.add_chunk(chunk)
        states.append(scene.run(1.0, progress=0.3 + 0.06 * (second + 1)).state)
    if commanded:
        assert State.STALLED in states
        assert states[-1] is State.FAILED
        assert scene.engine.verdict.failure_mode is FailureMode.STALL
    else:
        assert set(states) == {State.PROGRESSING}
