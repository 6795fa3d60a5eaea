"""Hashes of files, remembered so that gigabytes are read once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from vlm_judge_ros.models.cache import cache_folder

MEMORY_FILE = "file_hashes.json"
MOST_REMEMBERED = 2000


def combined_hash(folder: Path, paths: Iterable[Path]) -> str:
    """First 16 hexadecimal digits of a SHA-256 over names and contents of files.

    Args:
        folder: to which the names are relative, so that a moved model keeps its hash.
        paths: the files, in any order.
    """
    digest = hashlib.sha256()
    ordered = sorted(set(paths))
    for path, sha256 in zip(ordered, remembered_hashes(ordered), strict=True):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256}\n".encode())
    return digest.hexdigest()[:16]


def remembered_hashes(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file, read only where it is new or has changed.

    The hash of a file is remembered by its place, size and time of change in the user's cache folder. Where that cannot
    be written the files are read each time.
    """
    memory_path = cache_folder() / MEMORY_FILE
    memory = _remembered(memory_path)
    known = len(memory)
    hashes = []
    for path in paths:
        state = path.stat()
        key = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}"
        if key not in memory:
            memory[key] = file_sha256(path)
        hashes.append(memory[key])
    if len(memory) > known:
        _remember(memory_path, memory)
    return hashes


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _remembered(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}


def _remember(path: Path, memory: dict[str, str]) -> None:
    newest = dict(list(memory.items())[-MOST_REMEMBERED:])
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(newest), encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
