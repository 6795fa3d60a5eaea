from __future__ import annotations

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.instruction import words
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.tasks import LEFT_OUT_TASKS, TASKS, TRAINED_TASKS, read_table, task_named


def test_every_failure_makes_sense_in_several_tasks() -> None:
    for kind in Disturbance:
        able = [name for name, task in TASKS.items() if kind in task.disturbances]
        assert len(able) >= 4, kind


def test_thirty_tasks_are_trained_on_and_ten_are_left_out() -> None:
    assert len(TRAINED_TASKS) >= 30
    assert len(LEFT_OUT_TASKS) >= 10
    assert not set(TRAINED_TASKS) & set(LEFT_OUT_TASKS)
    assert set(TRAINED_TASKS) | set(LEFT_OUT_TASKS) == set(TASKS)


def test_every_task_can_be_told_in_several_ways_and_two_more_that_nobody_is_trained_on() -> None:
    for task in TASKS.values():
        assert len(set(task.instructions)) >= 4
        assert len(set(task.held_out_instructions)) >= 2


def test_no_two_tasks_share_the_words_of_an_instruction() -> None:
    told = [
        words(instruction)
        for task in TASKS.values()
        for instruction in (*task.instructions, *task.held_out_instructions, *task.forbidding)
    ]
    assert len(told) == len(set(told))


def test_every_task_can_end_well_and_badly_in_several_ways() -> None:
    for task in TASKS.values():
        assert Disturbance.NONE in task.disturbances
        assert sum(kind.is_benign for kind in task.disturbances) >= 3
        assert sum(not kind.is_benign and kind.is_trained for kind in task.disturbances) >= 4


@pytest.mark.parametrize(
    "content",
    ["", "[]", "- name: push", "- {name: push, expert: A, instructions: [push it], oops: 1}", "{", "- just words"],
)
def test_a_broken_table_is_answered_with_one_sentence(content: str) -> None:
    with pytest.raises(JudgeError, match=r"^The table of tasks mine\.yaml cannot be used: .*\.$"):
        read_table(content, "mine.yaml")


def test_an_unknown_task_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(JudgeError, match="pick-place"):
        task_named("juggle")
