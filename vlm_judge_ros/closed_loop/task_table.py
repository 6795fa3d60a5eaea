"""The tasks of the closed loop: how noisy the policy is in each, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pydantic
import yaml

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.simulation.tasks import TASKS

TABLE = Path(__file__).parent / "tasks.yaml"

_HEAD = """\
# How noisy the policy of `vlm-judge steer-eval` is in each task, and how many chunks it may take.
# Written by `vlm-judge steer-eval --calibrate`, which looks for the noise at which it succeeds in 40 % of episodes.
"""


class LoopTask(pydantic.BaseModel):
    """One task.

    Attributes:
        task: name in simulation/tasks.yaml.
        noise: standard deviation of the drift of a chunk, in the unit of actions.
        decisions: most chunks of an episode.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    task: str
    noise: float = pydantic.Field(ge=0.0, le=20.0)
    decisions: int = pydantic.Field(ge=1, le=100)

    @pydantic.field_validator("task")
    @classmethod
    def _task_is_known(cls, task: str) -> str:
        if task not in TASKS:
            raise ValueError(f'there is no simulated task "{task}"')
        return task


def read_table(path: Path = TABLE) -> dict[str, LoopTask]:
    """Read a table of tasks.

    Raises:
        JudgeError: it cannot be read, or is no such table.
    """
    try:
        tasks = pydantic.TypeAdapter(list[LoopTask]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, pydantic.ValidationError) as error:
        raise JudgeError(f"The table of tasks {path} cannot be used: {' '.join(str(error).split())}.") from error
    return {task.task: task for task in tasks}


def chosen(table: Mapping[str, LoopTask], names: Sequence[str]) -> tuple[LoopTask, ...]:
    """The named tasks, or all.

    Raises:
        JudgeError: the table lacks one.
    """
    for name in names:
        if name not in table:
            raise JudgeError(
                f'The noise for the task "{name}" is not known; choose of {", ".join(table)}, or calibrate.'
            )
    return tuple(table[name] for name in dict.fromkeys(names)) or tuple(table.values())


def write_table(path: Path, tasks: Sequence[LoopTask]) -> None:
    """Write a table, whole or not at all.

    Raises:
        JudgeError: it cannot be written.
    """
    lines = [f"- {{task: {one.task}, noise: {one.noise:g}, decisions: {one.decisions}}}" for one in tasks]
    write_whole(path, _HEAD + "\n".join(lines) + "\n")
