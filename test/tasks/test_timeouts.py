from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.monitors.timeout import Timeout
from vlm_judge_ros.tasks.task import Subtask, Task


def timeouts(task: Task) -> list[Timeout]:
    return [spec for spec in task.all_monitors if isinstance(spec, Timeout)]


def test_without_timeouts_there_are_no_monitors_but_those_declared() -> None:
    assert Task(name="cup", instruction="pick the cup", subtasks=(Subtask(name="reach"),)).all_monitors == ()


def test_task_and_subtasks_make_monitors_of_their_timeouts_with_shares_by_weight() -> None:
    steps = (
        Subtask(name="reach", timeout_s=5.0),
        Subtask(name="grasp", weight=2.0),
        Subtask(name="lift", timeout_s=7.0),
    )
    task = Task(name="cup", instruction="pick the cup", timeout_s=60.0, subtasks=steps)
    whole, reach, lift = timeouts(task)
    assert (whole.timeout_s, whole.subtask, whole.severity) == (60.0, "", Severity.ERROR)
    assert (reach.name, reach.subtask, reach.from_share, reach.to_share) == ("subtask_1_timeout", "reach", 0.0, 0.25)
    assert (lift.name, lift.subtask, lift.from_share, lift.to_share) == ("subtask_3_timeout", "lift", 0.75, 1.0)


def test_their_severity_is_the_one_that_the_task_gives_to_the_mode() -> None:
    task = Task(
        name="cup",
        instruction="pick the cup",
        timeout_s=60.0,
        failure_modes={FailureMode.TIMEOUT: Severity.WARNING},
    )
    assert timeouts(task)[0].severity is Severity.WARNING


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=30))
def test_any_weights_make_shares_that_follow_one_another_or_none(weights: list[float]) -> None:
    steps = tuple(Subtask(name=f"step {place}", weight=weight, timeout_s=1.0) for place, weight in enumerate(weights))
    shares = [(spec.from_share, spec.to_share) for spec in timeouts(Task(name="a", instruction="a", subtasks=steps))]
    assert shares == sorted(shares)
    assert all(begins <= ends <= 1.0 for begins, ends in shares)
