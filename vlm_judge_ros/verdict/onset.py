"""When a failure began, from what the judge said before it was noticed."""

from __future__ import annotations

import math
from collections import deque

RISE = 0.02
MOST_ANSWERS = 512


class ProgressHistory:
    """The judge's progress over the last answers of an episode."""

    def __init__(self) -> None:
        self._answers: deque[tuple[int, float]] = deque(maxlen=MOST_ANSWERS)

    def add(self, stamp_ns: int, progress: float) -> None:
        """Take an answer; one without progress is passed over."""
        if not math.isnan(progress):
            self._answers.append((stamp_ns, progress))

    def onset_ns(self, noticed_ns: int) -> int:
        """Estimate when the failure that was noticed at a stamp began.

        That is when progress last rose: the first answer, up to the stamp, that came within a hair of the best. Where no
        answer is that old, the stamp itself.
        """
        before = [(stamp_ns, progress) for stamp_ns, progress in self._answers if stamp_ns <= noticed_ns]
        if not before:
            return noticed_ns
        best = max(progress for _, progress in before)
        return min(stamp_ns for stamp_ns, progress in before if progress >= best - RISE)
