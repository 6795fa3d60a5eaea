from __future__ import annotations

import hashlib
from pathlib import Path

import pydantic
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.monitors.threshold import Threshold
from vlm_judge_ros.tasks.task import Signal, Success, Task
from vlm_judge_ros.tasks.task_file import TaskFileError, load_task, parse_task, shipped_tasks

GOOD = """name: push
instruction: push the button
cameras: [front]
timeout_s: 30
signals:
  force:
    topic: wrench
    type: geometry_msgs/msg/WrenchStamped
    field: norm(wrench.force)
    unit: N
monitors:
  - kind: threshold
    name: force_limit
    signal: force
    max: 40
    severity: critical
    failure_mode: COLLISION
"""
PATH = Path("push.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(TaskFileError) as caught:
        parse_task(text.encode(), PATH)
    return [line.removeprefix("push.yaml, line ") for line in caught.value.lines]


def test_a_task_file_gives_its_task() -> None:
    task = parse_task(GOOD.encode(), PATH)
    assert (task.name, task.timeout_s, task.signals["force"].unit) == ("push", 30.0, "N")
    (monitor,) = task.monitors
    assert isinstance(monitor, Threshold)
    assert (monitor.max, monitor.severity, monitor.failure_mode) == (40.0, Severity.CRITICAL, FailureMode.COLLISION)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("max: 40", "max: forty", "15: monitors[0].max is 'forty'; a number belongs here (Largest value"),
        ("max: 40", "max: '40'", "15: monitors[0].max is '40'; a number belongs here"),
        ("max: 40", "max: true", "15: monitors[0].max is true; a number belongs here"),
        ("max: 40", "max: .nan", "15: monitors[0].max is nan; give a finite number"),
        ("max: 40", "maks: 40", "15: in monitors[0] the key 'maks' is not known; did you mean max?"),
        ("max: 40", "min: 50\n    max: 40", "12: monitors[0]: min is 50 and max is 40"),
        ("max: 40", "max: 40\n    duration_s: -1", "16: monitors[0].duration_s is -1; give at least 0"),
        ("max: 40", "max: 40\n    duration_s: 4e3", "16: monitors[0].duration_s is 4000; give at most 3600"),
        ("threshold", "treshold", "12: in monitors[0] the kind 'treshold' is not known; did you mean threshold?"),
        ("threshold", "[1]", "12: in monitors[0] the kind is a list; it is one of "),
        ("kind: threshold", "no: 1", "12: monitors[0] has no kind; it is one of "),
        ("signal: force", "max: 1", "15: the key 'max' stands here and in line 14; remove one"),
        ("signal: force", "signal: forse", "14: the monitor force_limit listens to a signal that is not declared:"),
        ("critical", "Critical", "16: monitors[0].severity: 'Critical' is no severity; write one of info, warning"),
        ("COLLISION", "COLISION", "17: monitors[0].failure_mode: 'COLISION' is no failure mode; write one of"),
        ("force_limit", "joint_motion", "13: joint_motion is the name of evidence that every episode has"),
        ("force_limit", "task_timeout", "13: task_timeout is the name of the monitor that a timeout_s makes"),
        ("force_limit", "Force Limit", "13: monitors[0].name is 'Force Limit'; write small letters"),
        ("norm(wrench.force)", "norm(wrench", "9: signals.force.field: The field 'norm(wrench' cannot be read at"),
        ("topic: wrench", "topic: wr ench", "7: signals.force.topic is 'wr ench'; write a topic such as"),
        ("/msg/", "/", "8: signals.force.type is 'geometry_msgs/WrenchStamped'; write a type such as"),
        (
            "    field: norm(wrench.force)\n",
            "",
            "6: signals.force has no field; add it (wrench.force.z, position[elbow] or",
        ),
        ("unit: N", "units: N", "10: in signals.force the key 'units' is not known; did you mean unit?"),
        ("force:\n", "Force:\n", "6: signals.Force is 'Force'; write small letters"),
        ("push the button", "", "2: instruction is empty; a text belongs here"),
        ("push the button", "|\n  push\n  it\n", "2: 'push\\nit\\n' holds a line break or a control character"),
        ("force:\n", '"a\\nb":\n', "6: signals.'a\\nb' is 'a\\nb'; write small letters"),
        ("COLLISION", "C" * 9999, "17: monitors[0].failure_mode: 'CCC"),
        ("push the button", "'  '", "2: the instruction has no words"),
        ("[front]", "front", "3: cameras is 'front'; a list belongs here"),
        ("[front]", "[front, front]", "3: camera front stands twice"),
        ("timeout_s: 30", "timeout_s: ever", "4: timeout_s is 'ever'; a number belongs here (Longest time for the"),
        ("timeout_s: 30", "timeout: 30", "4: in the task the key 'timeout' is not known; did you mean timeout_s?"),
    ],
)
def test_a_fault_is_told_with_line_value_and_remedy(old: str, new: str, told: str) -> None:
    fault = faults(GOOD.replace(old, new))[0]
    assert fault.startswith(told)
    assert "\n" not in fault and len(fault) < 700


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("success: {evidence: [force_limit]}", "18: the monitor force_limit can speak for failures only"),
        ("success: {evidence: [joint_moton]}", "18: evidence 'joint_moton' is not known; did you mean joint_motion?"),
        ("success: {evidence: []}", "18: success.evidence has 0 entries; give at least 1"),
        ("success:\n  evidence:\n    - joint_motion\n    - joint_motion", "21: joint_motion stands twice in success"),
        ("success: 3", "18: success is 3; a mapping belongs here"),
        ("subtasks:\n  - name: reach\n    weight: -1", "20: subtasks[0].weight is -1; give more than 0"),
        ("subtasks:\n  - name: reach\n    weight: heavy", "20: subtasks[0].weight is 'heavy'; a number belongs here"),
        ("subtasks:\n  - name: reach\n  - name: Reach", "20: two subtasks are called 'Reach'"),
        (
            "subtasks:\n  - name: reach\n    timeout_s: 60",
            "20: the subtask 'reach' may take 60 s and the whole task 30 s",
        ),
        ("subtasks: [reach]", "18: subtasks[0] is 'reach'; a mapping belongs here"),
        ("wordings:\n  - PUSH  the button.", "19: wordings[0] is the instruction once more; remove it"),
        ("failure_modes:\n  COLISION: error", "19: failure_modes.COLISION: 'COLISION' is no failure mode"),
        ("failure_modes:\n  COLLISION: bad", "19: failure_modes.COLLISION: 'bad' is no severity"),
        ("  - kind: threshold\n    name: force_limit\n    signal: force\n    min: 0", "19: two monitors are called"),
        (
            "  - kind: stall\n    name: stall\n    cameras:\n      - front\n      - wrist",
            "22: the monitor stall looks at a camera that the task does not have: 'wrist' is not known",
        ),
        (
            "  - kind: timeout\n    name: late\n    timeout_s: 3\n    subtask: Reach\nsubtasks: [{name: reach}]",
            "21: the monitor late is for a subtask that is not declared: 'Reach' is not known; did you mean reach?",
        ),
        (
            "  - kind: released_at_goal\n    name: released\n    signal: force\n    open_at: 0\n    closed_at: 1\n"
            "    place:\n      signals: [hand]\n      goal_m: [1.0]\n      radius_m: 0.1",
            "24: the monitor released listens to a signal that is not declared: 'hand' is not known",
        ),
        ("tasks: 1", "18: in the task the key 'tasks' is not known"),
    ],
)
def test_parts_that_do_not_fit_are_told_with_the_line_of_the_offending_one(more: str, told: str) -> None:
    assert faults(GOOD + more)[0].startswith(told)


def test_one_topic_has_one_type() -> None:
    second = "signals:\n  other: {topic: wrench, type: std_msgs/msg/Float64, field: data}\n"
    told = faults(GOOD.replace("signals:\n", second))[0]
    assert told.startswith("9: topic wrench is of type std_msgs/msg/Float64 for signal other and geometry_msgs/")


def test_a_file_with_several_faults_tells_all_in_the_order_of_its_lines() -> None:
    told = faults(GOOD.replace("max: 40", "max: x").replace("[front]", "3").replace("timeout_s: 30", "timeout_s: -1"))
    assert [line.split(":")[0] for line in told] == ["3", "4", "15"]


def test_a_file_that_is_no_mapping_is_refused() -> None:
    assert faults("- a")[0].startswith("1: the file is a list; a mapping belongs here")
    assert faults("a: [1")[0].startswith("1: this is no YAML")


def test_the_same_checks_hold_for_objects() -> None:
    limit = Threshold(kind="threshold", name="limit", signal="force", max=1.0)
    with pytest.raises(pydantic.ValidationError, match="listens to a signal that is not declared"):
        Task(name="push", instruction="push", monitors=(limit,))
    with pytest.raises(pydantic.ValidationError, match="evidence 'held' is not known"):
        Task(name="push", instruction="push", success=Success(evidence=("held",)))
    with pytest.raises(pydantic.ValidationError, match="nothing closes"):
        Signal(topic="a", type="std_msgs/msg/Float64", field="data[")


def test_a_file_is_read_by_its_path_and_known_by_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "push.yaml"
    path.write_text(GOOD, encoding="utf-8")
    file = load_task(str(path))
    assert (file.path, file.task.name) == (path, "push")
    assert file.content_hash == hashlib.sha256(GOOD.encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", ["absent.yaml", "absent", "", "a\0.yaml", "../push"])
def test_a_file_that_is_not_there_is_told_by_name(name: str) -> None:
    with pytest.raises(JudgeError, match=r"cannot be read|is shipped under the name"):
        load_task(name)


def test_a_folder_is_no_task_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(JudgeError, match="Is a directory"):
        load_task(str(tmp_path / "a.yaml"))


@pytest.mark.parametrize("name", list(shipped_tasks()))
def test_every_shipped_task_can_be_used_and_is_named_as_its_file(name: str) -> None:
    assert load_task(name).task.name == name


KEYS = st.sampled_from(
    [*Task.model_fields, *Signal.model_fields, *Threshold.model_fields, "force", "evidence", "other"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["threshold", "force"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_mapping_is_a_task_or_is_refused_in_sentences(content: dict[str, object]) -> None:
    _usable_or_refused(yaml.safe_dump(content))


@given(st.sampled_from(GOOD.splitlines()), VALUES)
def test_any_other_value_in_a_good_file_is_taken_or_refused_in_sentences(line: str, value: object) -> None:
    key = line.rpartition(":")[0]
    _usable_or_refused(GOOD.replace(line, f"{key}: {yaml.safe_dump(value, default_flow_style=True).strip()}"))


def _usable_or_refused(text: str) -> None:
    try:
        parse_task(text.encode(), PATH)
    except TaskFileError as error:
        for line in (*error.lines, str(error)):
            assert line.startswith("push.yaml, line ") and "\n" not in line
