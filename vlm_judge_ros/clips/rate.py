"""Lets messages through at most so often."""

from __future__ import annotations

from collections.abc import Hashable

_MOST_KEYS = 256


class Rate:
    """Chooses messages of several streams, each at most at a rate, by when they arrived.

    Args:
        most_hz: messages a second of each stream.
    """

    def __init__(self, most_hz: float) -> None:
        self._period_ns = round(1e9 / most_hz)
        self._due_ns: dict[Hashable, int] = {}

    def passes(self, stream: Hashable, time_ns: int) -> bool:
        """Whether this message is to be kept."""
        due_ns = self._due_ns.get(stream)
        period_ns = self._period_ns
        if due_ns is not None and due_ns - period_ns <= time_ns < due_ns:
            return False
        if due_ns is None and len(self._due_ns) >= _MOST_KEYS:
            # Names of streams come from outside; their number must not grow for ever.
            self._due_ns.clear()
        on_beat = due_ns is not None and due_ns <= time_ns < due_ns + period_ns
        self._due_ns[stream] = (due_ns if on_beat and due_ns is not None else time_ns) + period_ns
        return True
