"""The bags beneath a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.replay.storage.folder import METADATA, is_bag_file

DEEPEST = 16
_RESULT = "episode.json"


@dataclass(frozen=True, slots=True)
class Unlistable:
    """A folder into which nobody can look, and why."""

    path: Path
    reason: str


def is_bag(path: Path) -> bool:
    """Whether a path is a bag by its looks: a folder with metadata.yaml, or a file that is named as one."""
    return (path / METADATA).is_file() if path.is_dir() else is_bag_file(path)


def bags_beneath(folder: Path) -> Iterator[Path | Unlistable]:
    """Every bag in a folder and the folders in it, in order of name.

    A bag without metadata.yaml is as many bags as it has files. Hidden folders and the results of scoring are passed
    over; a folder that is there twice, by a symbolic link, counts once.
    """
    yield from _beneath(folder, 0, set())


def _beneath(folder: Path, depth: int, seen: set[tuple[int, int]]) -> Iterator[Path | Unlistable]:
    try:
        state = folder.stat()
        if (state.st_dev, state.st_ino) in seen:
            return
        seen.add((state.st_dev, state.st_ino))
        with os.scandir(folder) as listing:
            names = sorted(entry.name for entry in listing)
    except OSError as error:
        yield Unlistable(folder, f"The folder {folder} cannot be listed ({error.strerror or error}); check its rights.")
        return
    if METADATA in names:
        yield folder
        return
    if _RESULT in names:
        return
    for name in names:
        path = folder / name
        if name.startswith("."):
            continue
        if path.is_dir():
            if depth + 1 > DEEPEST:
                yield Unlistable(path, f"{path} lies more than {DEEPEST} folders deep; name it itself.")
            else:
                yield from _beneath(path, depth + 1, seen)
        elif is_bag_file(path):
            yield path
