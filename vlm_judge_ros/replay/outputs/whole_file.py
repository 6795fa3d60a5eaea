"""Files that are never seen half-written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vlm_judge_ros.errors import JudgeError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside a file's place to write it to; the file is put there when the block ends, and is gone if it fails.

    A link stays a link, and a file that is replaced keeps its permissions.

    Raises:
        OSError: it cannot be put there.
    """
    place = path.resolve()
    # Two programs may write the same file at the same time.
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        yield unfinished
        if place.exists():
            unfinished.chmod(stat.S_IMODE(place.stat().st_mode))
        unfinished.replace(place)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def write_whole(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file beside its place, then put it there.

    Raises:
        JudgeError: it cannot be written.
    """
    try:
        with whole_file(path) as unfinished:
            unfinished.write_bytes(text.encode(encoding))
    except OSError as error:
        raise JudgeError(f"{path} cannot be written ({error.strerror}); make room, or choose another place.") from error


def make_folder(path: Path) -> None:
    """Make a folder where there is none.

    Raises:
        JudgeError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JudgeError(f"The folder {path} cannot be made ({error.strerror}); choose another with --out.") from error
