from __future__ import annotations

from vlm_judge_ros.judges.opinion import SubtaskState
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.replay.stretches import Alarms, Steps
from vlm_judge_ros.replay.trace import Alarm, Step

ACTIVE, DONE, UNKNOWN = SubtaskState.ACTIVE, SubtaskState.DONE, SubtaskState.UNKNOWN
FORCE = Finding(Layer.THRESHOLD, "force", "wrist", Effect.FAILURE, "Force 52 N > 40 N.", 0)
CALM = Finding(Layer.THRESHOLD, "force", "wrist", Effect.NEUTRAL, "Force 2 N.", 0)


def test_a_finding_that_goes_on_is_one_stretch_and_one_that_comes_again_another() -> None:
    alarms = Alarms()
    for time_s, finding in ((1.0, CALM), (2.0, FORCE), (3.0, FORCE), (4.0, CALM), (5.0, FORCE)):
        alarms.look([finding], time_s)
    assert alarms.found() == (Alarm(2.0, 3.0, FORCE), Alarm(5.0, 5.0, FORCE))


def test_a_subtask_lasts_until_another_one_is_worked_at() -> None:
    steps = Steps()
    steps.look([("reach", ACTIVE), ("lift", UNKNOWN)], 1.0)
    steps.look([("reach", UNKNOWN), ("lift", UNKNOWN)], 2.0)
    steps.look([("reach", DONE), ("lift", ACTIVE)], 3.0)
    assert steps.found(9.0) == (Step("reach", 1.0, 3.0), Step("lift", 3.0, 9.0))


def test_without_subtasks_there_are_no_stretches() -> None:
    assert Steps().found(9.0) == ()
