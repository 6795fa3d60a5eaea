"""Layer 0: do the stamps of two cameras mean the same time?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import combinations
from operator import itemgetter

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity

WINDOW_NS = nanoseconds(5.0)
LEAST_FRAMES = 5
MOST_FRAMES = 256
_DELAY = itemgetter(1)


class CameraDrift:
    """Compares by how much the frames of two cameras arrive after their stamps.

    Of the last five seconds the smallest delay counts, which no load on the network makes longer. Two clocks that run
    at different rates come apart until the limit is passed; how fast they do is told.

    Args:
        limits_s: how far the stamps of each camera and another may be apart; of two the larger counts, 0 is for any.
    """

    def __init__(self, limits_s: Mapping[str, float]) -> None:
        self._limits_s = {name: limit_s for name, limit_s in limits_s.items() if limit_s}
        self._delays: dict[str, deque[tuple[int, int]]] = {}
        self._first: dict[tuple[str, str], tuple[int, int]] = {}
        self.restart()

    def restart(self) -> None:
        """Forget everything, after the clock jumped."""
        self._delays = {name: deque(maxlen=MOST_FRAMES) for name in self._limits_s}
        self._first.clear()

    def add(self, camera: str, stamp_ns: int, now_ns: int) -> None:
        """Note when a frame arrived, on the node clock."""
        delays = self._delays.get(camera)
        if delays is not None and now_ns > 0:
            delays.append((now_ns, now_ns - stamp_ns))

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """One finding for every two cameras that are too far apart; none where none are."""
        usable = {name: delay for name in self._limits_s if (delay := self._delay_ns(name, now_ns)) is not None}
        pairs = (self._compare(one, other, usable, now_ns) for one, other in combinations(usable, 2))
        return tuple(finding for finding in pairs if finding is not None)

    def _delay_ns(self, camera: str, now_ns: int) -> int | None:
        delays = self._delays[camera]
        while delays and now_ns - delays[0][0] > WINDOW_NS:
            delays.popleft()
        return min(map(_DELAY, delays)) if len(delays) >= LEAST_FRAMES else None

    def _compare(self, one: str, other: str, delays_ns: Mapping[str, int], now_ns: int) -> Finding | None:
        apart_ns = delays_ns[one] - delays_ns[other]
        first_ns, first_apart_ns = self._first.setdefault((one, other), (now_ns, apart_ns))
        limit_s = max(self._limits_s[one], self._limits_s[other])
        if abs(apart_ns) <= nanoseconds(limit_s):
            return None
        behind, ahead = (one, other) if apart_ns > 0 else (other, one)
        text = f"The stamps of camera {behind} are {abs(apart_ns) * 1e-9:.2f} s behind those of camera {ahead}"
        lasted_s = (now_ns - first_ns) * 1e-9
        grown_s = (abs(apart_ns) - abs(first_apart_ns)) * 1e-9
        if lasted_s > 0.0 and grown_s > limit_s / 2.0:
            text += f", and have come apart by {grown_s / lasted_s * 1000.0:.1f} ms each second"
        return Finding(
            Layer.HEALTH,
            "cameras_drift",
            behind,
            Effect.BLIND,
            f"{text}; synchronise their clocks.",
            now_ns,
            severity=Severity.ERROR,
            value=abs(apart_ns) * 1e-9,
            limit=limit_s,
            unit="s",
        )
