"""When a failure began, from what the judge said before it was noticed."""

from __future__ import annotations

from collections import deque

from vlm_judge_ros.monitors.progress import ProgressTrend, TrendLimits

RISE = 0.03
MOST_ANSWERS = 512


class RiseHistory:
    """Remembers, for each of the judge's last answers, when progress had last risen."""

    def __init__(self) -> None:
        self._trend = ProgressTrend(TrendLimits(stall_progress=RISE))
        self._rises: deque[tuple[int, int]] = deque(maxlen=MOST_ANSWERS)

    def add(self, stamp_ns: int, progress: float) -> None:
        """Take the progress of an answer; NaN is passed over."""
        self._trend.add(stamp_ns, progress)
        if self._trend.last_rise_ns is not None:
            self._rises.append((stamp_ns, self._trend.last_rise_ns))

    def onset_ns(self, noticed_ns: int) -> int:
        """Estimate when the failure that was noticed at a stamp began: when progress had last risen by then.

        Where no answer is that old, the stamp itself.
        """
        for stamp_ns, rise_ns in reversed(self._rises):
            if stamp_ns <= noticed_ns:
                return rise_ns
        return noticed_ns
