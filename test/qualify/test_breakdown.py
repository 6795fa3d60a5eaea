from __future__ import annotations

from qualify.made_qualified import episode, many

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.qualify.breakdown import (
    OF_ONE_FAILURE_MODE,
    confusion,
    per_camera_set,
    per_failure_mode,
    per_task,
)
from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.verdict.verdict import State

JUDGED = many(24, tasks=2)
FAILED = ((0.0, State.PROGRESSING), (6.0, State.FAILED))


def test_a_task_gets_the_figures_of_its_own_episodes() -> None:
    found = per_task(JUDGED)
    assert list(found) == ["task 0", "task 1"]
    assert found["task 1"] == figures([each for each in JUDGED if each.task == "task 1"])


def test_the_same_cameras_in_another_order_are_the_same_set() -> None:
    found = per_camera_set([episode("a"), episode("b", cameras=("wrist", "front")), episode("c", cameras=("front",))])
    assert {cameras: part["declined"].n for cameras, part in found.items()} == {"front": 10, "front+wrist": 20}


def test_a_failure_mode_is_held_against_all_successes() -> None:
    found = per_failure_mode(JUDGED)
    stalls = [each for each in JUDGED if each.failure_mode is FailureMode.STALL]
    successes = [each for each in JUDGED if each.success]
    assert list(found) == ["GRASP_MISSED", "OBJECT_DROPPED", "STALL"]
    assert tuple(found["STALL"]) == OF_ONE_FAILURE_MODE
    assert found["STALL"]["success_auroc"] == figures([*stalls, *successes])["success_auroc"]
    assert found["STALL"]["failure_recall"] == figures(stalls)["failure_recall"]
    assert found["STALL"]["failure_recall"].n == len(stalls)


def test_confusion_counts_modes_misses_and_false_stops() -> None:
    episodes = [
        episode("right", success=False, failure_mode=FailureMode.STALL, states=FAILED),
        episode("other", success=False, failure_mode=FailureMode.SLIP, states=FAILED),
        episode("missed", success=False, failure_mode=FailureMode.SLIP),
        episode("unnamed", success=False, states=FAILED),
        episode("false stop", states=FAILED),
        episode("success"),
        episode("nobody knows", success=None, states=FAILED),
    ]
    assert confusion(episodes) == {
        "NONE": {"NONE": 1, "STALL": 1},
        "SLIP": {"NONE": 1, "STALL": 1},
        "STALL": {"STALL": 1},
        "UNKNOWN": {"STALL": 1},
    }


def test_parts_of_nothing_are_nothing() -> None:
    assert per_task([]) == per_camera_set([]) == per_failure_mode([]) == confusion([]) == {}
