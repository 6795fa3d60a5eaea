from __future__ import annotations

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.tasks import TASKS, task_named


def test_every_failure_makes_sense_in_several_tasks() -> None:
    for kind in Disturbance:
        able = [name for name, task in TASKS.items() if kind in task.disturbances]
        assert len(able) >= 5, kind


def test_every_task_can_be_told_in_several_ways() -> None:
    for task in TASKS.values():
        assert len(set(task.instructions)) >= 3


def test_no_two_tasks_share_an_instruction() -> None:
    told = [instruction for task in TASKS.values() for instruction in task.instructions]
    assert len(told) == len(set(told))


def test_an_unknown_task_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(JudgeError, match="pick-place"):
        task_named("juggle")
