"""Files that are never seen half-written."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros.errors import JudgeError


def write_whole(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file beside its place, then put it there.

    Raises:
        JudgeError: it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.write_bytes(text.encode(encoding))
        unfinished.replace(path)
    except OSError as error:
        raise JudgeError(f"{path} cannot be written ({error.strerror}); make room, or choose another place.") from error
