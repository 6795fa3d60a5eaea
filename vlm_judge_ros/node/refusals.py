"""What was refused of what came in: counted by where it came from, and told in the log now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from vlm_judge_ros.errors import JudgeError

_WARN_EVERY_S = 5.0
LONGEST_TEXT = 500


class Refusals:
    """Counts refusals. A stranger who sends nonsense a thousand times a second fills neither log nor memory.

    Args:
        warn: logs one sentence for a person.

    Attributes:
        counts: how often, by topic or service.
        last: the last sentence, by topic or service.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.counts: dict[str, int] = {}
        self.last: dict[str, str] = {}
        self._warn = warn
        self._warned_s: dict[str, float] = {}

    @property
    def total(self) -> int:
        """How often in all."""
        return sum(self.counts.values())

    def attempt(self, source: str, take: Callable[[Any], object], message: Any) -> bool:
        """Take a message, and refuse it where that fails, for whatever reason: strangers send what they like.

        Returns:
            Whether it was taken.
        """
        try:
            take(message)
        except JudgeError as error:
            self.add(source, str(error))
        except Exception as error:  # the cameras are to be watched on
            self.add(source, f"It could not be taken ({type(error).__name__}: {error}); this is a bug.")
        else:
            return True
        return False

    def add(self, source: str, text: str) -> None:
        """Count a refusal.

        Args:
            source: what it came by, for example "topic chunk"; one of a few names that the node chooses.
            text: one sentence on what is wrong with it and what to do.
        """
        text = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
        self.counts[source] = self.counts.get(source, 0) + 1
        self.last[source] = text
        now_s = time.monotonic()
        if now_s - self._warned_s.get(source, -_WARN_EVERY_S) >= _WARN_EVERY_S:
            self._warned_s[source] = now_s
            self._warn(f"{source[:1].upper()}{source[1:]}: {text}")
