"""The folder that clips lie in: bounded, and each clip is there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.clips.clip_record import FILE, read_record
from vlm_judge_ros.clips.message_types import MessageTypes
from vlm_judge_ros.clips.recorder import Clip
from vlm_judge_ros.clips.writing import write_clip
from vlm_judge_ros.errors import JudgeError

_UNFINISHED = ".clip-"
_NAME = re.compile(r"\d{8}T\d{6}-\d{3}Z_[A-Za-z0-9-]*_[A-Z_]+")


class ClipError(JudgeError):
    """A clip that could not be kept."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A clip that was kept: its size, and how many older ones made way for it."""

    path: Path
    size_bytes: int
    removed: int


class Store:
    """A folder of clips. Only what has the name and the parts of a clip is ever removed from it.

    Args:
        folder: where; made when it is needed.
        clip_bytes: most bytes of one clip.
        total_bytes: most bytes of all clips.
    """

    def __init__(self, folder: Path, clip_bytes: int, total_bytes: int) -> None:
        self.folder = folder
        self._clip_bytes = clip_bytes
        self._total_bytes = total_bytes
        self._types = MessageTypes()

    def prepare(self) -> None:
        """Remove what a crash has left half-written.

        Raises:
            ClipError: the folder cannot be read.
        """
        try:
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                if path.name.startswith(_UNFINISHED) and path.is_dir() and not path.is_symlink():
                    with _lock(path) as is_left:
                        if is_left:
                            shutil.rmtree(path, ignore_errors=True)
        except OSError as error:
            raise ClipError(f"The folder of clips {self.folder} cannot be read ({error.strerror}).") from error

    def write(self, clip: Clip, between: Callable[[], None] = lambda: None) -> Stored:
        """Write a clip, and let the oldest ones of other episodes make way for it.

        Args:
            clip: what goes into it.
            between: called between two messages.

        Raises:
            ClipError: it could not be written; nothing of it is left.
        """
        path = self.folder / clip.name
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = Path(tempfile.mkdtemp(dir=self.folder, prefix=_UNFINISHED))
            try:
                with _lock(unfinished):
                    inner = unfinished / clip.name
                    write_clip(clip, inner, self._clip_bytes, self._types, between)
                    _to_disk(inner)
                    size_bytes = _size(inner)
                    removed = self._make_room(size_bytes, clip.record.episode_id, unfinished)
                    inner.rename(path)
                    return Stored(path, size_bytes, removed)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        except OSError as error:
            raise ClipError(
                f"The clip {clip.name} could not be written to {self.folder} ({error.strerror or error}); free the "
                "disk, or set evidence_folder to another one."
            ) from error

    def _make_room(self, size_bytes: int, episode_id: str, waste: Path) -> int:
        clips = sorted(self._clips(), key=lambda clip: clip.name)
        sizes = {clip: _size(clip) for clip in clips}
        total, removed = sum(sizes.values()) + size_bytes, 0
        for clip in clips:
            if total <= self._total_bytes:
                break
            if _episode(clip) != episode_id:
                # Renamed first, so that nobody finds half a clip.
                clip.rename(waste / f"removed-{clip.name}")
                total -= sizes[clip]
                removed += 1
        if total > self._total_bytes:
            raise ClipError(
                f"The clips of the episode {episode_id} would take {total / 1e6:.0f} MB and evidence_total_mb is "
                f"{self._total_bytes / 1e6:.0f}; its newest clip was dropped."
            )
        return removed

    def _clips(self) -> Iterator[Path]:
        for path in self.folder.iterdir():
            if _NAME.fullmatch(path.name) and not path.is_symlink() and (path / FILE).is_file():
                yield path


def _episode(clip: Path) -> str:
    try:
        record = read_record(clip)
    except JudgeError:
        return ""
    return record.episode_id if record is not None else ""


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _to_disk(folder: Path) -> None:
    """Make sure that a loss of power after the clip has got its name leaves it whole."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Hold a folder that is being written; whether nobody else does. A process that ends lets go of it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def usual_folder() -> Path:
    """The clips of the user, by the XDG rules; it need not exist yet."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state") / "vlm_judge_ros" / "clips"
