"""The manipulation tasks that can be simulated, and what can go wrong in each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import pydantic
import yaml

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.disturbance import Disturbance

TABLE = Path(__file__).parent / "tasks.yaml"

_ANYWHERE = frozenset(
    {
        Disturbance.NONE,
        Disturbance.PAUSE,
        Disturbance.SLOW,
        Disturbance.DETOUR,
        Disturbance.JOLT,
        Disturbance.STALL,
        Disturbance.EARLY_STOP,
        Disturbance.NEAR_MISS,
        Disturbance.SUCCESS_LOST,
        Disturbance.REWIND,
        Disturbance.NOISE,
        Disturbance.WANDER,
    }
)

_Vector = tuple[float, float, float]
_Wordings = tuple[Annotated[str, pydantic.Field(min_length=4)], ...]


@dataclass(frozen=True)
class SimulatedTask:
    """One task of Meta-World, with what the disturbances need to know about it. Read from `tasks.yaml`.

    Attributes:
        name: name of the task, also Meta-World's own without its version.
        expert: name of the scripted expert's class in `metaworld.policies`.
        instructions: the task in words, several ways of saying the same.
        left_out: True for a task that no model is trained on, so that it can show what it makes of the unknown.
        held_out_instructions: more ways of saying it, which no model is trained on.
        forbidding: ways of asking for the same result that forbid the way in which the expert brings it about.
        also: disturbances that make sense here beside those that do everywhere.
        without: disturbances of those that hardly ever come out right here.
        grasps: True where the gripper carries an object, so that it can lose it.
        drags: True where the object stays on the table on its way.
        undone_by: the expert that undoes the task; empty where carrying the object back does it.
        undo_rise: metres by which the hand has to rise before it can get to the other side of what it moved.
        miss_offset: metres by which the object is observed off its place so that it is missed; mirrored at random in x.
        goal_shift: metres within which the goal is observed elsewhere, (x, y, z); zero where the task has no such goal.
        goal_by_heart: True where the expert never looks at the goal that it is told.
        stays: True where the result stays as it is when the gripper lets go.
        holds_on: True where the result lasts only as long as the expert goes on working.
    """

    __pydantic_config__ = pydantic.ConfigDict(extra="forbid")

    name: str
    expert: str
    instructions: _Wordings
    left_out: bool = False
    held_out_instructions: _Wordings = ()
    forbidding: _Wordings = ()
    also: frozenset[Disturbance] = frozenset()
    without: frozenset[Disturbance] = frozenset()
    grasps: bool = False
    drags: bool = False
    undone_by: str = ""
    undo_rise: float = 0.0
    miss_offset: _Vector = (0.0, 0.0, 0.0)
    goal_shift: _Vector = (0.0, 0.0, 0.0)
    goal_by_heart: bool = False
    stays: bool = True
    holds_on: bool = False

    @cached_property
    def disturbances(self) -> frozenset[Disturbance]:
        """What can happen in this task; what hardly ever comes out right is left out."""
        named = {Disturbance.SHORTCUT} if self.forbidding else set()
        return (_ANYWHERE | self.also | named) - self.without


def read_table(content: str, name: str) -> dict[str, SimulatedTask]:
    """Read a table of tasks.

    Args:
        content: YAML, a list of tasks.
        name: what to call the table in messages.

    Raises:
        JudgeError: it is no such table.
    """
    kind = pydantic.TypeAdapter(Annotated[list[SimulatedTask], pydantic.Field(min_length=1)])
    try:
        tasks = kind.validate_python(yaml.safe_load(content))
    except (yaml.YAMLError, pydantic.ValidationError) as error:
        raise JudgeError(f"The table of tasks {name} cannot be used: {' '.join(str(error).split())}.") from error
    return {task.name: task for task in tasks}


TASKS = read_table(TABLE.read_text(encoding="utf-8"), TABLE.name)
TRAINED_TASKS = tuple(name for name, task in TASKS.items() if not task.left_out)
LEFT_OUT_TASKS = tuple(name for name, task in TASKS.items() if task.left_out)


def task_named(name: str) -> SimulatedTask:
    """Look a task up.

    Raises:
        JudgeError: there is no such task.
    """
    if name not in TASKS:
        raise JudgeError(f'There is no simulated task "{name}"; choose one of {", ".join(TASKS)}.')
    return TASKS[name]
