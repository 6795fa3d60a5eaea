"""Writes clips in a thread of its own, so that a slow or full disk delays nobody."""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import dataclass, replace

from vlm_judge_ros.clips.interpreter_share import InterpreterShare
from vlm_judge_ros.clips.recorder import Clip
from vlm_judge_ros.clips.store import Store
from vlm_judge_ros.errors import JudgeError

_MOST_LOST = 1000


@dataclass(frozen=True, slots=True)
class ClipCounts:
    """What became of clips.

    Attributes:
        written: clips that were kept.
        failed: clips that could not be written.
        dropped: clips that came while two others were waiting for the disk.
        removed: older clips that made way.
        written_bytes: bytes of the clips that were kept.
        waiting: clips that are being written or wait for it.
        last_error: one sentence; empty where the newest clip was kept.
    """

    written: int = 0
    failed: int = 0
    dropped: int = 0
    removed: int = 0
    written_bytes: int = 0
    waiting: int = 0
    last_error: str = ""


class WriterThread:
    """Takes clips without waiting and writes them one after the other. At most one waits while one is being written.

    Args:
        store: where they go.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.Queue[Clip | None] = queue.Queue(maxsize=1)
        self._lock = threading.Lock()
        self._counts = ClipCounts()
        self._lost: set[str] = set()
        self._news: queue.SimpleQueue[tuple[bool, str]] = queue.SimpleQueue()
        self._closing = threading.Event()
        # A disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> ClipCounts:
        """What became of clips so far."""
        with self._lock:
            return self._counts

    def is_lost(self, name: str) -> bool:
        """Whether a clip will never be there."""
        with self._lock:
            return name in self._lost

    def news(self) -> list[tuple[bool, str]]:
        """Sentences for the log since the last call, each with whether it is a warning."""
        found = []
        while not self._news.empty():
            found.append(self._news.get())
        return found

    def put(self, clip: Clip) -> None:
        """Write a clip as soon as possible; where too many wait already it is dropped and counted."""
        self._add(waiting=1)
        try:
            self._queue.put_nowait(clip)
        except queue.Full:
            sentence = f"The clip {clip.name} was dropped, because the disk is too slow for two others before it."
            self._lose(clip, sentence, dropped=1)

    def close(self, timeout_s: float) -> None:
        """Finish what waits, for no longer than this."""
        self._closing.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._store.prepare()
        except JudgeError as error:
            self._news.put((True, str(error)))
        while not (self._closing.is_set() and self._queue.empty()):
            clip = self._queue.get()
            if clip is not None:
                self._write(clip)
            del clip  # its images are not to stay in memory until the next one comes

    def _write(self, clip: Clip) -> None:
        try:
            stored = self._store.write(clip, InterpreterShare(self._closing))
        except JudgeError as error:
            self._lose(clip, str(error), failed=1)
        except Exception as error:  # whatever is wrong with a clip, the next one is to be written
            self._lose(clip, f"The clip {clip.name} failed ({type(error).__name__}: {error}); this is a bug.", failed=1)
        else:
            self._add(written=1, removed=stored.removed, written_bytes=stored.size_bytes, waiting=-1, last_error="")
            made_way = f" {stored.removed} older clips made way for it." if stored.removed else ""
            self._news.put((False, f"Clip {stored.path} ({stored.size_bytes / 1e6:.1f} MB).{made_way}"))

    def _lose(self, clip: Clip, sentence: str, failed: int = 0, dropped: int = 0) -> None:
        self._add(failed=failed, dropped=dropped, waiting=-1, last_error=sentence)
        with self._lock:
            if len(self._lost) >= _MOST_LOST:
                self._lost.clear()
            self._lost.add(clip.name)
        self._news.put((True, sentence))

    def _add(self, last_error: str | None = None, **more: int) -> None:
        with self._lock:
            counts = self._counts
            sums = {name: getattr(counts, name) + number for name, number in more.items()}
            text = counts.last_error if last_error is None else last_error
            self._counts = replace(counts, last_error=text, **sums)
