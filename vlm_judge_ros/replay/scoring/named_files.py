"""What lies in the files that parameters name, so that results of other contents are not mixed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.file_hash import combined_hash, file_sha256
from vlm_judge_ros.models.vlm.known import locate
from vlm_judge_ros.parameters.parameter import Value
from vlm_judge_ros.tasks.task_file import load_task

NAMING_FILES = frozenset(
    {
        *("task_files", "model", "server", "prompts", "calibration", "replay", "examples", "checklist", "judge_card"),
        *("goal_image", "start_image", "ensemble", "review_model", "review_server", "review_prompts"),
    }
)
"""Parameters whose values may be names of files or folders that are read."""

_NAMED_IN_FILES = NAMING_FILES | {"failure_cues"}
_JUDGES = ("judge", "review_judge")
_LARGEST_DOCUMENT_BYTES = 1 << 20
_REMEMBERED_FROM_BYTES = 16 << 20
_DIGITS = 16


def named_files(values: Mapping[str, Value]) -> dict[str, str]:
    """Hash of the content of each file and folder that parameters name, and of those that these files name, by path.

    Shipped prompts and calibrations have the version of the software, and are left out. So is what is not there:
    whoever reads it says so.

    Args:
        values: parameters of a judge, by name.
    """
    found: dict[str, str] = {}
    for name, value in values.items():
        if name in NAMING_FILES:
            for text in _texts(value):
                _add(name, text, found)
    for name in _JUDGES:
        module, separator, _ = str(values.get(name, "")).partition(":")
        source = _source(module) if separator else None
        if source is not None:
            found[f"module {module}"] = _hash(source)
    return dict(sorted(found.items()))


def _add(name: str, text: str, found: dict[str, str]) -> None:
    path = _place(name, text)
    if path is None or text in found:
        return
    try:
        found[text] = _hash(path)
        for named, further in _named_in(path):
            _add(named, further, found)
    except OSError:  # whoever reads it says what is wrong
        found.pop(text, None)


def _place(name: str, text: str) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser()
    try:
        if path.exists():
            return path
        if name == "task_files":
            return load_task(text).path
        return locate(text).folder if name in ("model", "review_model") else None
    except (JudgeError, OSError, ValueError):
        return None


def _hash(path: Path) -> str:
    if path.is_dir():
        return combined_hash(path, (each for each in path.rglob("*") if each.is_file()))
    if path.stat().st_size >= _REMEMBERED_FROM_BYTES:
        return combined_hash(path.parent, [path])
    return file_sha256(path)[:_DIGITS]


def _named_in(path: Path) -> Iterator[tuple[str, str]]:
    """The files that a file names: the members of an ensemble, the cues of a prompt."""
    if not path.is_file() or path.suffix not in (".yaml", ".yml", ".json"):
        return
    if path.stat().st_size > _LARGEST_DOCUMENT_BYTES:
        return
    try:
        document = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return
    if isinstance(document, (dict, list)):
        yield from _named_beneath(document)


def _named_beneath(part: dict[Any, Any] | list[Any]) -> Iterator[tuple[str, str]]:
    entries = part.items() if isinstance(part, dict) else ((None, each) for each in part)
    for name, value in entries:
        if isinstance(value, (dict, list)):
            yield from _named_beneath(value)
        elif name in _NAMED_IN_FILES and isinstance(value, str):
            yield name, value


def _texts(value: Value) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, tuple) else ()


def _source(module: str) -> Path | None:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    path = Path(found.origin) if found is not None and found.origin else None
    return path if path is not None and path.is_file() else None
