"""What was recorded in an episode and could not be used."""

from __future__ import annotations

from collections import Counter

from vlm_judge_ros.replay.events import BrokenFrame, BrokenSignal, Event, Unread


class LeftOut:
    """Counts what could not be used, by where it was recorded.

    Args:
        started_ns: start of the episode.
    """

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._counts: Counter[str] = Counter()
        self._first: dict[str, tuple[float, str]] = {}

    def see(self, event: Event) -> None:
        """Count it where it cannot be used."""
        content = event.content
        if isinstance(content, BrokenFrame):
            where = f"from camera {content.camera}"
        elif isinstance(content, (BrokenSignal, Unread)):
            where = f"on {content.topic}"
        else:
            return
        self._counts[where] += 1
        self._first.setdefault(where, (max(0.0, (event.time_ns - self._started_ns) * 1e-9), content.text))

    def sentences(self) -> tuple[str, ...]:
        """One for each place, with the first cause."""
        return tuple(self._sentence(where, count) for where, count in self._counts.items())

    def _sentence(self, where: str, count: int) -> str:
        time_s, text = self._first[where]
        messages = "messages" if count > 1 else "message"
        return f"{count} {messages} {where} could not be used; the first, at {time_s:.2f} s: {text}"
