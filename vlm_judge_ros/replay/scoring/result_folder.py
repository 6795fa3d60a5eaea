"""The folder of results: what it was made with, which episodes in it are finished, who writes to it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.outputs.episode_file import EPISODE, read_episode
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.replay.scoring.scorer import UNFINISHED
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription

RUN = "run.json"
FILES = "files"
"""What in `run.json` holds the hash of each file that parameters name."""

_LOCK = ".lock"
_HALF_WRITTEN = re.compile(r"\.[\w.-]+(\.\d+)?\.new")
"""What `whole_file` leaves behind of a file where its process is killed."""


class ResultFolder:
    """The results of one run and of those that resume it, held against other runs until the end of the `with` block.

    Args:
        path: the folder; it is made where it is not there.
        made_with: everything that results depend on, as JSON.
        resume: go on where another run ended.

    Raises:
        JudgeError: the folder is not empty and `resume` is not asked for, was made with something else, is in use, or
            cannot be written to.
    """

    def __init__(self, path: Path, made_with: Mapping[str, Any], resume: bool) -> None:
        self.path = path
        self._made_with = dict(made_with)
        self._resume = resume
        self._lock = -1

    def __enter__(self) -> ResultFolder:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._check()
        except OSError as error:
            self._release()
            raise JudgeError(
                f"The folder {self.path} cannot be written to ({error.strerror}); choose another one with --out."
            ) from error
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._remove_unfinished()
        self._release()

    def is_finished(self, episode: EpisodeDescription) -> bool:
        """Whether an episode is here, whole.

        Raises:
            JudgeError: the folder that it would have is that of another one, or is damaged.
        """
        folder = self.path / episode.key
        if not folder.exists():
            return False
        trace = read_episode(folder, pictures=False).trace
        here = trace.task, trace.started_ns, round(trace.duration_s, 3)
        if here != (episode.task, episode.started_ns, round(episode.duration_s, 3)):
            raise JudgeError(
                f"{folder} holds another episode ({trace.duration_s:.1f} s, task {trace.task!r}); choose another "
                "folder with --out."
            )
        return True

    def _remove_unfinished(self) -> None:
        """Remove what a run left behind that was ended in the middle."""
        for rest in self.path.glob(f"{UNFINISHED}*"):
            shutil.rmtree(rest, ignore_errors=True)
        for rest in self.path.glob(".*.new"):
            if _HALF_WRITTEN.fullmatch(rest.name):
                rest.unlink(missing_ok=True)

    def _take_lock(self) -> None:
        # The kernel takes the lock back from a process that ends, however it ends.
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JudgeError(
                f"Another run writes to {self.path} now; wait for its end, or choose another folder with --out."
            ) from error

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _check(self) -> None:
        names = [entry.name for entry in self.path.iterdir()]
        there = [name for name in names if name != _LOCK and not _HALF_WRITTEN.fullmatch(name)]
        if not there:
            write_whole(self.path / RUN, json.dumps(self._made_with, indent=1) + "\n")
        elif not self._resume:
            raise JudgeError(
                f"The folder {self.path} is not empty; go on with --resume where it holds results of the same run, or "
                "choose another one with --out."
            )
        else:
            self._compare()
        self._remove_unfinished()

    def _compare(self) -> None:
        path = self.path / RUN
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise JudgeError(
                f"The folder {self.path} holds no results to go on with: it has no {RUN}; choose another with --out."
            ) from error
        except ValueError as error:
            raise JudgeError(f"{path} is damaged; choose another folder with --out.") from error
        differences = list(_differences(before, self._made_with))
        if differences:
            raise JudgeError(
                f"The results in {self.path} were made with other settings ({'; '.join(differences[:3])}); give the "
                "same ones, or choose another folder with --out."
            )


def _differences(before: Any, now: Any, name: str = "") -> Iterable[str]:
    if name == FILES and isinstance(before, dict) and isinstance(now, dict):
        yield from _changed_files(before, now)
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*now, *(key for key in before if key not in now)]:
            yield from _differences(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
    elif before != now:
        yield f"{name} was {json.dumps(before)} and is {json.dumps(now)}"


def _changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    for path in [*now, *(path for path in before if path not in now)]:
        if path not in now:
            yield f"{path} was there and is not"
        elif path not in before:
            yield f"{path} is there and was not"
        elif before[path] != now[path]:
            yield f"the content of {path} has changed since"


def finished_episodes(folder: Path) -> list[Path]:
    """The folders of finished episodes among the results, in order of name."""
    return sorted(path.parent for path in folder.glob(f"*/{EPISODE}") if not path.parent.name.startswith("."))
