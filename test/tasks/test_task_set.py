from __future__ import annotations

from pathlib import Path

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.tasks.task import Signal, Task
from vlm_judge_ros.tasks.task_file import TaskFile
from vlm_judge_ros.tasks.task_set import TaskSet, load_tasks


def file_of(task: Task) -> TaskFile:
    return TaskFile(Path(f"{task.name}.yaml"), "0" * 16, task)


PUSH = Task(name="push", instruction="Push the button.", wordings=("press it",), cameras=("front",))
OPEN = Task(name="open_drawer", instruction="Open the drawer.")


@pytest.mark.parametrize("text", ["push", "push the button", "  PUSH the\tbutton. ", "Press it."])
def test_a_task_is_found_by_name_instruction_or_wording(text: str) -> None:
    assert TaskSet([file_of(PUSH), file_of(OPEN)]).find(text) is PUSH


def test_a_task_that_no_file_declares_is_refused_with_those_that_are() -> None:
    with pytest.raises(JudgeError, match=r'"Push the button\." or "Open the drawer\."'):
        TaskSet([file_of(PUSH), file_of(OPEN)]).find("fly")
    with pytest.raises(JudgeError, match="add its file to task_files"):
        TaskSet().find("fly")


def test_no_files_are_no_tasks() -> None:
    assert not TaskSet()
    assert TaskSet([file_of(PUSH)])


def test_two_files_with_the_same_words_are_refused() -> None:
    other = Task(name="press", instruction="PUSH the button")
    with pytest.raises(JudgeError, match=r"Both push.yaml and press.yaml declare the task 'push the button'"):
        TaskSet([file_of(PUSH), file_of(other)])


def test_two_files_give_a_topic_the_same_type() -> None:
    def with_signal(name: str, kind: str) -> TaskFile:
        return file_of(Task(name=name, instruction=name, signals={"a": Signal(topic="t", type=kind, field="data")}))

    with pytest.raises(
        JudgeError, match=r"Topic t is of type std_msgs/msg/Bool in a.yaml and of type std_msgs/msg/Int8"
    ):
        TaskSet([with_signal("a", "std_msgs/msg/Bool"), with_signal("b", "std_msgs/msg/Int8")])
    TaskSet([with_signal("a", "std_msgs/msg/Bool"), with_signal("b", "std_msgs/msg/Bool")])


def test_the_cameras_of_every_task_have_to_be_there() -> None:
    tasks = TaskSet([file_of(PUSH), file_of(OPEN)])
    tasks.check_cameras(["wrist", "front"])
    with pytest.raises(JudgeError, match=r"push.yaml needs the camera front, and there are wrist, top"):
        tasks.check_cameras(["wrist", "top"])


def test_a_file_that_is_named_twice_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "push.yaml"
    path.write_text("name: push\ninstruction: push the button\n", encoding="utf-8")
    assert len(load_tasks([str(path), str(tmp_path / ".." / tmp_path.name / "push.yaml")]).files) == 1
