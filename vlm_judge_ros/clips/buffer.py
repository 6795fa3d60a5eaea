"""The last seconds of everything that came in."""

from __future__ import annotations

from collections import deque

from vlm_judge_ros.clips.entry import Channel, Entry


class Buffer:
    """Keeps entries for so many seconds, and of those no more than so many bytes; the oldest go first.

    Args:
        seconds: how long.
        limit_bytes: how much.
    """

    def __init__(self, seconds: float, limit_bytes: int) -> None:
        self._length_ns = round(seconds * 1e9)
        self._limit_bytes = limit_bytes
        self._entries: deque[Entry] = deque()
        self._held_bytes = 0
        self._left: dict[Channel, Entry] = {}

    @property
    def held_bytes(self) -> int:
        """Bytes of what it holds."""
        return self._held_bytes

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it holds, in the order in which it came."""
        return tuple(self._entries)

    @property
    def latched(self) -> tuple[Entry, ...]:
        """The newest of each latched channel that it no longer holds."""
        return tuple(self._left.values())

    def add(self, entry: Entry) -> None:
        """Keep one more, which is no older than the one before."""
        entries = self._entries
        entries.append(entry)
        self._held_bytes += entry.size_bytes
        oldest_ns = entry.time_ns - self._length_ns
        while entries and (entries[0].time_ns < oldest_ns or self._held_bytes > self._limit_bytes):
            gone = entries.popleft()
            self._held_bytes -= gone.size_bytes
            if gone.channel.latched:
                self._left[gone.channel] = gone

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._left.clear()
        self._held_bytes = 0
