from __future__ import annotations

from importlib import import_module

import pytest

from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.tasks.cross_checks import MOTION
from vlm_judge_ros.tasks.monitor_table import kind_of, specs
from vlm_judge_ros.tasks.signals import signal_topics
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.tasks.task_file import load_task, shipped_tasks
from vlm_judge_ros.tasks.task_set import load_tasks

SHIPPED = {name: load_task(name).task for name in shipped_tasks()}
START_NS = 1_700_000_000_000_000_000


def test_all_shipped_tasks_can_be_loaded_together() -> None:
    tasks = load_tasks(SHIPPED)
    assert {tasks.find(task.instruction).name for task in SHIPPED.values()} == set(SHIPPED)


def test_every_kind_of_monitor_is_shown_in_a_shipped_task() -> None:
    shown = {monitor.kind for task in SHIPPED.values() for monitor in task.monitors}
    assert {kind_of(spec) for spec in specs()} - shown == set()


@pytest.mark.parametrize("task", SHIPPED.values(), ids=SHIPPED)
def test_every_signal_is_a_field_of_its_messages(task: Task) -> None:
    for topic in signal_topics(task):
        package, _, kind = topic.type.split("/")
        message = getattr(import_module(f"{package}.msg"), kind)()
        assert set(topic.sample_of(message, START_NS).values) <= set(topic.fields)


@pytest.mark.parametrize("task", SHIPPED.values(), ids=SHIPPED)
def test_every_signal_is_listened_to(task: Task) -> None:
    assert set(task.signals) == {signal for monitor in task.monitors for signal in monitor.signals}


@pytest.mark.parametrize("task", SHIPPED.values(), ids=SHIPPED)
def test_success_needs_more_than_motion(task: Task) -> None:
    assert set(task.success.evidence) - set(MOTION)


@pytest.mark.parametrize("task", SHIPPED.values(), ids=SHIPPED)
def test_nothing_speaks_for_anything_before_something_was_seen(task: Task) -> None:
    units = {name: signal.unit for name, signal in task.signals.items()}
    timeouts_s = {name: signal.timeout_s for name, signal in task.signals.items()}
    monitors = MonitorSet(task.monitors, EpisodeContext(START_NS, task.cameras, units, timeouts_s))
    spoken = {finding.effect for finding in monitors.findings(START_NS + 1)}
    assert spoken <= {Effect.NEUTRAL, Effect.BLIND}
