"""When the judge is asked: after each action chunk, or on a timer."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.stamps import nanoseconds

MOST_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Request:
    """The judge is to be asked now.

    Attributes:
        chunk_id: the chunk that has been executed; 0 where the timer asks.
        due_ns: when it became due: the end of the chunk, or of the period.
        evidence: what to show the judge, gathered when it became due; None where a camera cannot be believed, and then
            there is no use in asking.
    """

    chunk_id: int
    due_ns: int
    evidence: Evidence | None = None


class Schedule:
    """Knows the announced chunks of one episode.

    A chunk ends when its actions are executed, or when the next one begins before that. While one runs the timer waits,
    but never longer than `patience_s`. A question goes out when every camera has a frame of its moment or later, or
    when the grace is over; that depends on stamps and not on how often somebody looks, so live and replay ask the same.
    """

    def __init__(self, started_ns: int, period_s: float, grace_s: float, patience_s: float) -> None:
        self._asked_ns = started_ns
        self._period_ns = nanoseconds(period_s)
        self._grace_ns = nanoseconds(grace_s)
        self._patience_ns = max(nanoseconds(patience_s), self._period_ns)
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

    def awaits(self, seen_ns: int, stamp_ns: int) -> bool:
        """Whether a frame of this stamp shows the moment of a question, and its camera was last looked at before it.

        Args:
            seen_ns: stamp of the newest frame of the camera that was looked at.
            stamp_ns: stamp of the frame.
        """
        if any(seen_ns < end_ns <= stamp_ns for end_ns, _ in self._running):
            return True
        return seen_ns < self._asked_ns + self._wait_ns(stamp_ns) <= stamp_ns

    def due(self, now_ns: int, newest_frames_ns: Mapping[str, int]) -> Request | None:
        """Return what is to be asked now, once; of several ended chunks the newest.

        Args:
            now_ns: the node clock.
            newest_frames_ns: stamp of the newest frame of each camera that was looked at.
        """
        seen_ns = max(min(newest_frames_ns.values(), default=0), now_ns - self._grace_ns)
        request: Request | None = None
        while self._running and self._running[0][0] <= seen_ns:
            self.skipped += request is not None
            end_ns, chunk = self._running.popleft()
            request = Request(chunk.id, end_ns)
        if request is None:
            wait_ns = self._wait_ns(seen_ns)
            if seen_ns - self._asked_ns < wait_ns:
                return None
            # Periods that nobody asked about are passed over: one question about now is enough.
            request = Request(0, self._asked_ns + (seen_ns - self._asked_ns) // wait_ns * wait_ns)
        self._asked_ns = max(self._asked_ns, request.due_ns)
        return request

    def _wait_ns(self, seen_ns: int) -> int:
        # A chunk that begins just now does not silence a timer that runs out just now.
        executing = bool(self._running) and self._running[0][1].stamp_ns < seen_ns
        return self._patience_ns if executing else self._period_ns
