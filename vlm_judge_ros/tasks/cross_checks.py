"""Do the parts of a task fit together?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel

from vlm_judge_ros.monitors.finding import Effect, Layer
from vlm_judge_ros.monitors.monitor import MonitorSpec
from vlm_judge_ros.monitors.motion import IMAGE_MOTION, JOINT_MOTION
from vlm_judge_ros.tasks.wording import cross_fault, either, shown, unknown
from vlm_judge_ros.tasks.words import same_words

if TYPE_CHECKING:
    from vlm_judge_ros.tasks.task import Task

MOTION = (JOINT_MOTION, IMAGE_MOTION)
"""Evidence that every episode has, without a monitor that declares it."""


def check(task: Task) -> None:
    """Hold the parts of a task against each other.

    Raises:
        PydanticCustomError: two do not fit, see `cross_fault`.
    """
    _check_words(task)
    _check_subtasks(task)
    _check_signals(task)
    _check_monitors(task)
    _check_evidence(task)


def _check_words(task: Task) -> None:
    _check_one_line(task)
    seen = {same_words(task.instruction): "the instruction"}
    if not same_words(task.instruction):
        raise cross_fault("the instruction has no words; write what the robot is to do", "instruction")
    for number, wording in enumerate(task.wordings):
        folded = same_words(wording)
        if not folded:
            raise cross_fault(f"wordings[{number}] has no words; remove it", "wordings", number)
        if folded in seen:
            raise cross_fault(f"wordings[{number}] is {seen[folded]} once more; remove it", "wordings", number)
        seen[folded] = f"wordings[{number}]"
    for number, camera in enumerate(task.cameras):
        if camera in task.cameras[:number]:
            raise cross_fault(f"camera {camera} stands twice in cameras; remove one", "cameras", number)


def _check_one_line(task: Task) -> None:
    texts: list[tuple[str, tuple[str | int, ...]]] = [(task.instruction, ("instruction",))]
    texts += [(wording, ("wordings", number)) for number, wording in enumerate(task.wordings)]
    texts += [(subtask.name, ("subtasks", number, "name")) for number, subtask in enumerate(task.subtasks)]
    for text, at in texts:
        if not text.isprintable():
            raise cross_fault(f"{shown(text)} holds a line break or a control character; write it on one line", *at)


def _check_subtasks(task: Task) -> None:
    seen: set[str] = set()
    for number, subtask in enumerate(task.subtasks):
        folded = same_words(subtask.name)
        if folded in seen:
            text = f"two subtasks are called {shown(subtask.name)}; give each its own name"
            raise cross_fault(text, "subtasks", number, "name")
        seen.add(folded)
        if 0.0 < task.timeout_s < subtask.timeout_s:
            text = (
                f"the subtask {shown(subtask.name)} may take {subtask.timeout_s:g} s and the whole task "
                f"{task.timeout_s:g} s; give the subtask less time, or the task more"
            )
            raise cross_fault(text, "subtasks", number, "timeout_s")


def _check_signals(task: Task) -> None:
    kinds: dict[str, tuple[str, str]] = {}
    for name, signal in task.signals.items():
        first, kind = kinds.setdefault(signal.topic, (name, signal.type))
        if kind != signal.type:
            text = f"topic {signal.topic} is of type {kind} for signal {first} and {signal.type} for {name}; mend one"
            raise cross_fault(text, "signals", name, "type")


def _check_monitors(task: Task) -> None:
    seen: set[str] = set()
    subtasks = [subtask.name for subtask in task.subtasks]
    made = {monitor.name for monitor in task.all_monitors[len(task.monitors) :]}
    for number, monitor in enumerate(task.monitors):
        if monitor.name in MOTION:
            text = f"{monitor.name} is the name of evidence that every episode has; give the monitor another name"
            raise cross_fault(text, "monitors", number, "name")
        if monitor.name in made:
            text = f"{monitor.name} is the name of the monitor that a timeout_s makes; give this one another name"
            raise cross_fault(text, "monitors", number, "name")
        if monitor.name in seen:
            text = f"two monitors are called {monitor.name}; give each its own name"
            raise cross_fault(text, "monitors", number, "name")
        seen.add(monitor.name)
        for signal in monitor.signals:
            if signal not in task.signals:
                text = unknown(
                    f"the monitor {monitor.name} listens to a signal that is not declared:", signal, task.signals
                )
                raise cross_fault(text, "monitors", number, *_where(monitor, signal))
        for subtask in _named(monitor, "subtask"):
            if subtask not in subtasks:
                text = unknown(f"the monitor {monitor.name} is for a subtask that is not declared:", subtask, subtasks)
                raise cross_fault(text, "monitors", number, *_where(monitor, subtask))
        for camera in _named(monitor, "camera"):
            if task.cameras and camera not in task.cameras:
                text = unknown(
                    f"the monitor {monitor.name} looks at a camera that the task does not have:", camera, task.cameras
                )
                raise cross_fault(text, "monitors", number, *_where(monitor, camera))


def _check_evidence(task: Task) -> None:
    givers = {
        monitor.name: Effect.SUCCESS in monitor.gives and monitor.layer is Layer.EVENT for monitor in task.monitors
    }
    able = [*MOTION, *(name for name, gives in givers.items() if gives)]
    for number, name in enumerate(task.success.evidence):
        at = ("success", "evidence", number)
        if name in task.success.evidence[:number]:
            raise cross_fault(f"{name} stands twice in success.evidence; remove one", *at)
        if name in able:
            continue
        if name in givers:
            text = (
                f"the monitor {name} can speak for failures only, so it is no evidence of success; use {either(able)}"
            )
            raise cross_fault(text, *at)
        raise cross_fault(unknown("evidence", name, able), *at)


def _named(monitor: MonitorSpec, what: str) -> Iterator[str]:
    """What a monitor says in its fields for one thing or for several, such as camera and cameras."""
    one, several = getattr(monitor, what, None), getattr(monitor, f"{what}s", ())
    if isinstance(one, str) and one:
        yield one
    if isinstance(several, tuple):
        yield from several


def _where(part: BaseModel, value: str) -> tuple[str | int, ...]:
    """The field of a monitor, or of a part of it, in which a name stands, perhaps in a longer text."""
    for field in type(part).model_fields:
        held = getattr(part, field)
        if isinstance(held, str) and field not in ("name", "kind") and re.search(rf"\b{re.escape(value)}\b", held):
            return (field,)
        if isinstance(held, tuple) and value in held:
            return (field, held.index(value))
        if isinstance(held, BaseModel) and (inside := _where(held, value)):
            return (field, *inside)
    return ()
