from __future__ import annotations

import math

import pytest
from joints import EPISODE, START_NS, at, only
from pydantic import ValidationError

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.monitor import ProgressSample
from vlm_judge_ros.monitors.timeout import Timeout

TASK = Timeout(kind="timeout", name="task_timeout", timeout_s=60.0)
GRASP = Timeout(
    kind="timeout", name="grasp_timeout", timeout_s=10.0, subtask="grasp the cup", from_share=0.25, to_share=0.5
)


def test_a_task_that_takes_too_long_fails() -> None:
    monitor = TASK.make(EPISODE)
    assert only(monitor, at(60.0)).effect is Effect.NEUTRAL
    late = only(monitor, at(60.1))
    assert (late.effect, late.mode, late.onset_ns) == (Effect.FAILURE, FailureMode.TIMEOUT, at(60.0))
    assert "60.1 s, longer than 60 s" in late.text


def test_a_task_that_the_gate_finds_complete_does_not_take_longer() -> None:
    monitor = TASK.make(EPISODE)
    monitor.add_completion(True)
    assert only(monitor, at(100.0)).effect is Effect.NEUTRAL
    monitor.add_completion(False)
    assert only(monitor, at(100.0)).effect is Effect.FAILURE


def test_time_of_a_subtask_runs_from_when_the_judge_tells_that_it_is_active() -> None:
    monitor = GRASP.make(EPISODE)
    monitor.add_progress(ProgressSample(at(5.0), 0.3, ("reach for the cup",)))
    assert only(monitor, at(50.0)).effect is Effect.NEUTRAL
    monitor.add_progress(ProgressSample(at(50.0), 0.3, ("grasp the cup",), ("reach for the cup",)))
    monitor.add_progress(ProgressSample(at(55.0), 0.3, ("grasp the cup",), ("reach for the cup",)))
    assert only(monitor, at(60.0)).effect is Effect.NEUTRAL
    late = only(monitor, at(61.0))
    assert late.effect is Effect.FAILURE
    assert "as the judge tells" in late.text
    monitor.add_progress(ProgressSample(at(61.0), 0.6, ("lift the cup",), ("grasp the cup",)))
    assert only(monitor, at(90.0)).effect is Effect.NEUTRAL


def test_one_answer_that_forgets_a_subtask_does_not_give_it_more_time() -> None:
    monitor = GRASP.make(EPISODE)
    for second in range(10):
        active = ("grasp the cup",) if second != 5 else ("lift the cup",)
        monitor.add_progress(ProgressSample(at(second), 0.3, active))
    assert only(monitor, at(10.5)).effect is Effect.FAILURE


def test_without_subtasks_told_progress_tells_when_one_begins_and_ends() -> None:
    monitor = GRASP.make(EPISODE)
    monitor.add_progress(ProgressSample(at(5.0), 0.2))
    assert "not begun" in only(monitor, at(40.0)).text
    monitor.add_progress(ProgressSample(at(40.0), 0.3))
    late = only(monitor, at(51.0))
    assert late.effect is Effect.FAILURE
    assert "as progress from 0.25 to 0.50 tells" in late.text
    monitor.add_progress(ProgressSample(at(51.0), 0.55))
    assert "done" in only(monitor, at(90.0)).text
    monitor.add_progress(ProgressSample(at(90.0), 0.1))
    assert only(monitor, at(120.0)).effect is Effect.NEUTRAL
    monitor.add_progress(ProgressSample(at(120.0), math.nan))
    monitor.add_progress(ProgressSample(at(120.0), 0.3))
    assert only(monitor, at(129.0)).effect is Effect.NEUTRAL
    assert only(monitor, at(131.0)).effect is Effect.FAILURE


def test_the_first_subtask_begins_with_the_episode() -> None:
    first = Timeout(kind="timeout", name="reach_timeout", timeout_s=10.0, subtask="reach", to_share=0.25)
    assert only(first.make(EPISODE), at(11.0)).effect is Effect.FAILURE
    told = first.make(EPISODE)
    told.add_progress(ProgressSample(at(1.0), 0.0, ("look around",)))
    assert only(told, at(11.0)).effect is Effect.NEUTRAL


def test_before_the_start_nothing_is_late() -> None:
    assert only(TASK.make(EPISODE), START_NS - 1).effect is Effect.NEUTRAL


def test_a_subtask_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValidationError, match="from_share"):
        Timeout(kind="timeout", name="wrong", timeout_s=1.0, subtask="x", from_share=0.5, to_share=0.4)
