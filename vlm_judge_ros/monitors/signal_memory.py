"""The newest value of each signal that a monitor listens to, whichever messages they come in."""

from __future__ import annotations

import math
from collections.abc import Iterable

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds


class SignalMemory:
    """Remembers signals by name. Values that are not finite, or older than what is known, are passed over.

    Args:
        names: the signals.
        max_age_s: a value older than this is no longer believed; neither is one as far ahead of the clock.
    """

    def __init__(self, names: Iterable[str], max_age_s: float) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._wanted = frozenset(self._names)
        self._max_age_ns = nanoseconds(max_age_s)
        self._values: dict[str, float] = {}
        self._stamps_ns: dict[str, int] = {}

    def take(self, sample: SignalSample) -> None:
        """Take those signals of a message that are wanted."""
        stamp_ns = sample.stamp_ns
        for name, value in sample.values.items():
            if name not in self._wanted or not math.isfinite(value):
                continue
            known_ns = self._stamps_ns.get(name)
            # A stamp that goes back far is a clock that was set: what was known before it counts for nothing.
            if known_ns is None or stamp_ns >= known_ns or stamp_ns < known_ns - self._max_age_ns:
                self._values[name] = value
                self._stamps_ns[name] = stamp_ns

    def value(self, name: str, now_ns: int) -> float:
        """Return the newest value of a signal; NaN where none came, or none that is recent enough."""
        stamp_ns = self._stamps_ns.get(name)
        if stamp_ns is None or abs(now_ns - stamp_ns) > self._max_age_ns:
            return math.nan
        return self._values[name]

    def newest_ns(self, now_ns: int) -> int:
        """Stamp of the newest value, never ahead of the clock; the clock where nothing came."""
        newest_ns = max(self._stamps_ns.values(), default=now_ns)
        return newest_ns if 0 < newest_ns <= now_ns else now_ns

    def silence(self, now_ns: int, names: Iterable[str] | None = None) -> tuple[str, str]:
        """Name the first signal that cannot be believed now, and say why in one sentence; two empty texts for none."""
        for name in self._names if names is None else names:
            stamp_ns = self._stamps_ns.get(name)
            if stamp_ns is None:
                return name, f"Signal {name} has not been received."
            age_s = (now_ns - stamp_ns) * 1e-9
            if now_ns - stamp_ns > self._max_age_ns:
                return name, f"The newest value of signal {name} is {age_s:.2f} s old."
            if stamp_ns - now_ns > self._max_age_ns:
                return name, f"The stamp of signal {name} lies {-age_s:.2f} s in the future."
        return "", ""
