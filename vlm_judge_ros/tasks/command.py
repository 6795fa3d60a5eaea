"""`vlm-judge task`: checks task files."""

from __future__ import annotations

import argparse
import sys

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.monitor import MonitorSpec
from vlm_judge_ros.tasks.cross_checks import MOTION
from vlm_judge_ros.tasks.schema import schema_text
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.tasks.task_file import TaskFile, TaskFileError, load_task, shipped_tasks
from vlm_judge_ros.tasks.task_set import TaskSet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge task`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, summary: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")

    check = action("check", "say what task files declare, or what is wrong with them")
    check.add_argument("files", nargs="+", metavar="FILE", help="a .yaml file, or the name of a shipped one")
    check.set_defaults(act=_check)
    action("list", "list the shipped task files").set_defaults(act=_list)
    action("schema", "print the JSON schema of task files").set_defaults(act=_schema)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked.

    Raises:
        JudgeError: something a person can mend.
    """
    status: int = arguments.act(arguments)
    return status


def _check(arguments: argparse.Namespace) -> int:
    good: list[TaskFile] = []
    for name in arguments.files:
        try:
            good.append(load_task(name))
        except TaskFileError as error:
            print("\n".join(error.lines), file=sys.stderr)
        except JudgeError as error:
            print(error, file=sys.stderr)
        else:
            print("\n".join(_told(good[-1])))
    TaskSet(good)
    return 0 if len(good) == len(arguments.files) else 1


def _list(arguments: argparse.Namespace) -> int:
    for name, path in shipped_tasks().items():
        task = load_task(name).task
        print(f"{name}: {task.instruction} ({len(task.signals)} signals, {len(task.monitors)} monitors)\n  {path}")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    print(schema_text(), end="")
    return 0


def _told(file: TaskFile) -> list[str]:
    """What a file declares, for a person."""
    task = file.task
    lines = [f"{file.path}: {task.name}, {file.content_hash}", f'  instruction  "{task.instruction}"']
    lines += [f'  or           "{wording}"' for wording in task.wordings]
    if task.cameras:
        lines.append(f"  cameras      {', '.join(task.cameras)}")
    if task.timeout_s:
        lines.append(f"  timeout      {task.timeout_s:g} s")
    lines += _subtasks(task)
    lines += [
        f"  signal       {name} [{signal.unit}]: {signal.field} of {signal.topic} ({signal.type}), "
        + (f"silent after {signal.timeout_s:g} s" if signal.timeout_s else "may be silent")
        for name, signal in task.signals.items()
    ]
    lines += [
        f"  monitor      {monitor.name}: {monitor.kind}, {monitor.layer.name.lower()}, {_speaks_for(monitor)}"
        + (f", of {', '.join(monitor.signals)}" if monitor.signals else "")
        for monitor in task.monitors
    ]
    lines.append(f"  success      the judge and {', '.join(task.success.evidence)}, for {task.success.hold_s:g} s")
    if set(task.success.evidence) <= set(MOTION):
        lines.append("               motion alone is weak evidence; declare a monitor that sees the goal itself")
    return lines


def _subtasks(task: Task) -> list[str]:
    total = sum(subtask.weight for subtask in task.subtasks)
    return [
        f"  subtask      {subtask.name}: {subtask.weight / total:.0%} of the task"
        + (f", at most {subtask.timeout_s:g} s" if subtask.timeout_s else "")
        for subtask in task.subtasks
    ]


def _speaks_for(monitor: MonitorSpec) -> str:
    if Effect.FAILURE not in monitor.gives:
        return "evidence"
    return f"{monitor.failure_mode.name} {monitor.severity.name.lower()}"
