"""Time by the stamps in the headers of messages, where a bag was recorded on another clock."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, TypeVar

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.replay.ahead import MOST_BYTES, Held

Item = TypeVar("Item")

LONGEST_DELAY_S = 1.0
"""A message that was recorded later than this after one with a newer stamp counts as being of that one's time."""

MOST_WAITING = 8192

_JUMP_S = 10.0
_FASTEST = 100
"""No simulation runs faster than so many seconds in a second of the recorder."""


class HeaderTime:
    """Gives each message a time, in the order in which they were recorded.

    A message without a stamp, such as a text, is of the time of the newest stamp before it. So is one with a stamp that
    cannot be: of another clock, or none at all; whoever reads it finds out.

    Args:
        started_ns: the first stamp of the cameras.
    """

    def __init__(self, started_ns: int) -> None:
        self._newest_ns = started_ns
        self._recorded_ns: int | None = None

    def time_ns(self, message: Any, recorded_ns: int) -> int:
        """Time of a decoded message that was recorded at `recorded_ns`, on the recorder's clock."""
        stamp = getattr(getattr(message, "header", None), "stamp", None)
        if stamp is None:
            return self._newest_ns
        stamp_ns = int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
        passed_ns = max(0, recorded_ns - self._recorded_ns) if self._recorded_ns is not None else 0
        latest_ns = self._newest_ns + nanoseconds(_JUMP_S) + _FASTEST * passed_ns
        if not self._newest_ns - nanoseconds(LONGEST_DELAY_S) <= stamp_ns <= latest_ns:
            return self._newest_ns
        if stamp_ns >= self._newest_ns:
            self._newest_ns, self._recorded_ns = stamp_ns, recorded_ns
        return stamp_ns


def in_order(items: Iterator[Held[tuple[int, Item]]]) -> Iterator[Held[tuple[int, Item]]]:
    """Items with their times, in order of these; none may come later than `LONGEST_DELAY_S` after a newer one.

    Memory holds those of `LONGEST_DELAY_S`, and no more than `MOST_WAITING` and `MOST_BYTES` of them: of more the
    oldest goes on before its turn. Where asking for one raises, those before it are given first.
    """
    waiting: list[tuple[int, int, Held[tuple[int, Item]]]] = []
    held_bytes, newest_ns, delay_ns = 0, 0, nanoseconds(LONGEST_DELAY_S)
    try:
        for number, held in enumerate(items):
            heapq.heappush(waiting, (held.item[0], number, held))
            held_bytes += held.size_bytes
            newest_ns = max(newest_ns, held.item[0])
            while newest_ns - waiting[0][0] > delay_ns or len(waiting) > MOST_WAITING or held_bytes > MOST_BYTES:
                oldest = heapq.heappop(waiting)[2]
                held_bytes -= oldest.size_bytes
                yield oldest
                if not waiting:
                    break
    except GeneratorExit:
        raise
    except BaseException:
        yield from (heapq.heappop(waiting)[2] for _ in range(len(waiting)))
        raise
    yield from (heapq.heappop(waiting)[2] for _ in range(len(waiting)))
