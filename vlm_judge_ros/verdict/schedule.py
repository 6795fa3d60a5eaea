"""When the judge is asked: after each action chunk, or on a timer."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.stamps import nanoseconds

MOST_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Request:
    """The judge is to be asked now.

    Attributes:
        chunk_id: the chunk that has been executed; 0 where the timer asks.
        due_ns: when it became due: the end of the chunk, or of the period.
    """

    chunk_id: int
    due_ns: int


class Schedule:
    """Knows the announced chunks of one episode.

    A chunk ends when its actions are executed, or when the next one begins before that. While one runs the timer waits,
    but never longer than `patience_s`.
    """

    def __init__(self, started_ns: int, period_s: float, grace_s: float, patience_s: float) -> None:
        self._asked_ns = started_ns
        self._period_ns = nanoseconds(period_s)
        self._grace_ns = nanoseconds(grace_s)
        self._patience_ns = nanoseconds(patience_s)
        self._running: deque[tuple[int, Chunk]] = deque()
        self._newest_id = 0
        self.skipped = 0

    def add(self, chunk: Chunk) -> bool:
        """Take an announced chunk; False where its id does not rise, and it is passed over."""
        if chunk.id <= self._newest_id:
            return False
        self._newest_id = chunk.id
        if self._running:
            end_ns, before = self._running[-1]
            # A policy that plans anew cuts its chunk short.
            self._running[-1] = (max(before.stamp_ns, min(end_ns, chunk.stamp_ns)), before)
        self._running.append((chunk.end_ns, chunk))
        if len(self._running) > MOST_CHUNKS:
            self._running.popleft()
            self.skipped += 1
        return True

    def due(self, now_ns: int, newest_frames_ns: Mapping[str, int]) -> Request | None:
        """Return what is to be asked now, once; of several ended chunks the newest.

        Args:
            now_ns: the node clock.
            newest_frames_ns: stamp of the newest frame of each camera. A chunk waits until all have seen its end, or the
                grace is over.
        """
        ended: tuple[int, Chunk] | None = None
        seen_ns = min(newest_frames_ns.values(), default=0)
        while self._running:
            end_ns, chunk = self._running[0]
            if now_ns < end_ns or (seen_ns < end_ns and now_ns < end_ns + self._grace_ns):
                break
            if ended is not None:
                self.skipped += 1
            ended = self._running.popleft()[0], chunk
        if ended is not None:
            self._asked_ns = now_ns
            return Request(ended[1].id, ended[0])
        wait_ns = max(self._period_ns, self._patience_ns) if self._running else self._period_ns
        if now_ns - self._asked_ns < wait_ns:
            return None
        due_ns, self._asked_ns = self._asked_ns + wait_ns, now_ns
        return Request(0, due_ns)
