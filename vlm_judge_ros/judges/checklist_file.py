"""The steps of a task: as a person writes them, and as a model's are kept."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Annotated

import pydantic
import yaml

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.named_file import content_hash, load
from vlm_judge_ros.judges.told import told
from vlm_judge_ros.tasks.words import same_words

_log = logging.getLogger(__name__)

_LONGEST_NAME = 80
_SUFFIXES = (".yaml", ".yml", ".json")


def _line(longest: int) -> pydantic.BeforeValidator:
    return pydantic.BeforeValidator(lambda value: told(value, longest) if isinstance(value, str) else value)


class Step(pydantic.BaseModel):
    """One step of a task.

    Attributes:
        name: what is to be done, a few words.
        weight: how much of the whole task it is, compared with the other steps; above 0.
        done_when: what a camera sees once it is done.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, _line(_LONGEST_NAME)] = pydantic.Field(min_length=1)
    weight: pydantic.FiniteFloat = pydantic.Field(default=1.0, gt=0.0, strict=True)
    done_when: Annotated[str, _line(300)] = pydantic.Field(min_length=1)


class Plan(pydantic.BaseModel):
    """What a model makes of a task.

    Attributes:
        subtasks: the steps, in their order.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    subtasks: tuple[Step, ...] = pydantic.Field(min_length=2, max_length=12)

    @pydantic.field_validator("subtasks")
    @classmethod
    def _names_differ(cls, subtasks: tuple[Step, ...]) -> tuple[Step, ...]:
        names = [step.name for step in subtasks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'two steps are called "{name}"')
        return subtasks


class Checklist(Plan):
    """The steps of one task; one YAML file.

    Attributes:
        task: the instruction, exactly as the robot is given it.
    """

    task: str = pydantic.Field(min_length=1)

    @property
    def shares(self) -> list[float]:
        """Share of each step in the whole task; they add up to 1."""
        total = sum(step.weight for step in self.subtasks)
        return [step.weight / total for step in self.subtasks]

    @property
    def content_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over all of it."""
        return content_hash(self)


def load_checklists(path: str) -> dict[str, Checklist]:
    """Read the checklists of a file, or of all YAML files in a folder, by their tasks.

    Args:
        path: file or folder; empty for none.

    Raises:
        JudgeError: there is none, one cannot be used, or two are for the same task.
    """
    if not path:
        return {}
    path = str(Path(path).expanduser())
    files = [path]
    if Path(path).is_dir():
        files = sorted(str(file) for file in Path(path).iterdir() if file.suffix in _SUFFIXES)
    if not files or not files[0].endswith(_SUFFIXES):
        raise JudgeError(
            f"The parameter checklist is {path}, which is neither a file that ends in {' or '.join(_SUFFIXES)} nor a "
            "folder with such files; see docs/methods.md."
        )
    found: dict[str, Checklist] = {}
    for file in files:
        checklist = load(Checklist, "checklist", file, Path(file).parent)
        if any(same_words(checklist.task) == same_words(task) for task in found):
            raise JudgeError(f'Two files in {path} are for the task "{checklist.task}"; remove one.')
        found[checklist.task] = checklist
    return found


class PlanCache:
    """Keeps what models made of tasks, one file for each task, model and prompt.

    A file can be copied, edited, and given as the parameter `checklist`.

    Args:
        folder: where; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, task: str, instrument: tuple[str, ...]) -> Path:
        """The file of a task; `instrument` is all else that decides the plan."""
        key = hashlib.sha256("\0".join((task, *instrument)).encode()).hexdigest()[:16]
        words = re.sub(r"[^a-z0-9]+", "-", task.lower())[:40].strip("-")
        return self.folder / f"{words or 'task'}-{key}.yaml"

    def read(self, task: str, instrument: tuple[str, ...]) -> Checklist | None:
        """What was kept; None where nothing was, or where it cannot be used, which is logged."""
        path = self.path(task, instrument)
        try:
            if not path.exists():
                return None
            checklist = load(Checklist, "kept checklist", str(path), path.parent)
        except (JudgeError, OSError) as error:
            _log.warning("%s It is made anew.", error)
            return None
        if checklist.task != task:
            _log.warning('The kept checklist %s is for the task "%s"; it is made anew.', path, told(checklist.task))
            return None
        return checklist

    def write(self, checklist: Checklist, instrument: tuple[str, ...]) -> None:
        """Keep a checklist. Where the disk refuses, that is logged: the judge works without."""
        path = self.path(checklist.task, instrument)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(as_yaml(checklist), encoding="utf-8")
            unfinished.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            _log.warning("The checklist %s cannot be kept (%s); it is made again next time.", path, error.strerror)


def as_yaml(checklist: Checklist) -> str:
    """The text of the file."""
    content = {"task": checklist.task, "subtasks": [step.model_dump() for step in checklist.subtasks]}
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
