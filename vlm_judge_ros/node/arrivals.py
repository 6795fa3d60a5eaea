"""How the frames of one camera arrive: what was lost on the way, and how long the way takes."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Collection

_RECENT_FRAMES = 300
_FEWEST_GAPS = 5
_LOST_FROM_PERIODS = 1.6
_RHYTHM_EVERY = 30


class Arrivals:
    """Loss and delay of one camera.

    Lost frames are counted in two ways, because neither sees all: the middleware reports some, and a gap between two
    stamps that is about k times as long as usual speaks for k - 1 frames that were never seen.

    Attributes:
        reported_lost: messages that the middleware says it lost.
        missing: frames that the gaps between the stamps speak for.
    """

    def __init__(self) -> None:
        self.reported_lost = 0
        self.missing = 0
        self._newest_ns: int | None = None
        self._gaps_ns: deque[int] = deque(maxlen=60)
        self._delays_s: deque[float] = deque(maxlen=_RECENT_FRAMES)
        self._usual_gap_ns = 0.0
        self._until_rhythm = _FEWEST_GAPS

    @property
    def lost(self) -> int:
        """Frames that were sent, as far as is known, and did not arrive."""
        return max(self.reported_lost, self.missing)

    def add(self, stamp_ns: int, delay_s: float, longest_gap_s: float) -> None:
        """Count a frame that arrived in order.

        Args:
            stamp_ns: its header stamp.
            delay_s: seconds from the stamp until it was in the buffer, on the node clock.
            longest_gap_s: a longer gap between two stamps is an interruption and says nothing about lost frames; 0 for
                none.
        """
        self._delays_s.append(delay_s)
        before_ns, self._newest_ns = self._newest_ns, stamp_ns
        if before_ns is None:
            return
        gap_ns = stamp_ns - before_ns
        if gap_ns <= 0 or (longest_gap_s > 0 and gap_ns > longest_gap_s * 1e9):
            self._forget_rhythm()
            return
        if 0 < _LOST_FROM_PERIODS * self._usual_gap_ns < gap_ns:
            self.missing += round(gap_ns / self._usual_gap_ns) - 1
        self._gaps_ns.append(gap_ns)
        self._until_rhythm -= 1
        if self._until_rhythm <= 0:
            self._usual_gap_ns = statistics.median(self._gaps_ns)
            self._until_rhythm = _RHYTHM_EVERY

    def delay_s(self, share: float) -> float:
        """A percentile of the recent delays from stamp to buffer, in seconds; NaN where there are none."""
        return percentile(self._delays_s, share)

    def _forget_rhythm(self) -> None:
        self._gaps_ns.clear()
        self._usual_gap_ns = 0.0
        self._until_rhythm = _FEWEST_GAPS


def percentile(values: Collection[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; NaN where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
