"""Task files: the shipped ones by name, and a user's own by path."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pydantic

from vlm_judge_ros.config_folder import config_folder
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.tasks.document import LARGEST_BYTES, NotADocument, read_document
from vlm_judge_ros.tasks.fault import Fault, faults_of
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.tasks.wording import either

CONFIG_FOLDER = "tasks"
SUFFIXES = (".yaml", ".yml")


class TaskFileError(JudgeError):
    """A task file that cannot be used.

    Args:
        path: of the file.
        faults: what is wrong with it, at least one, by line.
    """

    def __init__(self, path: Path, faults: tuple[Fault, ...]) -> None:
        self.lines = tuple(f"{path}, line {fault.line}: {_sentence(fault.text)}" for fault in faults)
        more = f" ({len(faults) - 1} more: vlm-judge task check)" if len(faults) > 1 else ""
        super().__init__(self.lines[0] + more)


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A task, and where it was read.

    Attributes:
        path: of the file.
        content_hash: first 16 hexadecimal digits of the SHA-256 of the file.
        task: what it declares.
    """

    path: Path
    content_hash: str
    task: Task


def shipped_tasks() -> dict[str, Path]:
    """The files of the shipped tasks by their names.

    Raises:
        JudgeError: the folder is missing.
    """
    return {path.stem: path for path in sorted(config_folder(CONFIG_FOLDER).glob("*.yaml"))}


def load_task(name: str) -> TaskFile:
    """Read a task file.

    Args:
        name: of a shipped one, or path of a file that ends in .yaml or .yml.

    Raises:
        JudgeError: there is none, or it cannot be read.
        TaskFileError: it cannot be used; its message names file, line, value and remedy.
    """
    path = _path(name)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "the path is none"
        raise JudgeError(f"The task file {name!r} cannot be read ({why}); check the path.") from error
    return TaskFile(path, hashlib.sha256(content).hexdigest()[:16], parse_task(content, path))


def parse_task(content: bytes, path: Path) -> Task:
    """Read the content of a task file.

    Args:
        content: as it lies in the file.
        path: of the file, for errors.

    Raises:
        TaskFileError: it cannot be used.
    """
    try:
        document = read_document(content)
    except NotADocument as error:
        raise TaskFileError(path, (Fault(error.line, error.why),)) from error
    try:
        # As JSON, because strictness there takes lists for tuples, and still no text for a number.
        return Task.model_validate_json(json.dumps(document.data), strict=True)
    except pydantic.ValidationError as error:
        raise TaskFileError(path, faults_of(error, document)) from error


def _path(name: str) -> Path:
    if name.endswith(SUFFIXES):
        return Path(name).expanduser()
    shipped = shipped_tasks()
    if name not in shipped:
        raise JudgeError(
            f"No task file is shipped under the name {name!r}; use {either(list(shipped))}, or the path of a file "
            f"that ends in {either(list(SUFFIXES))}."
        )
    return shipped[name]


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."
