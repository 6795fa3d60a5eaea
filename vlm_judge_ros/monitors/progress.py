"""Layer 2: does progress go anywhere?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity


@dataclass(frozen=True, slots=True)
class TrendLimits:
    """When progress counts as stalled or lost.

    Attributes:
        stall_s: no rise for this long is a stall.
        stall_progress: a rise by less than this is no rise, 0 to 1.
        complete_progress: above this the task counts as done and can no longer stall, 0 to 1.
        regress_progress: a loss of this much against the best of late is a regress, 0 to 1.
        regress_s: how long the loss has to hold.

    Raises:
        JudgeError: a number is out of range.
    """

    stall_s: float = 8.0
    stall_progress: float = 0.05
    complete_progress: float = 0.95
    regress_progress: float = 0.15
    regress_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("stall_s", "regress_s"):
            value = getattr(self, name)
            if not 0.0 < value <= 3600.0:
                raise JudgeError(f"{name} is {value}; give seconds above 0, 3600 at most.")
        for name in ("stall_progress", "complete_progress", "regress_progress"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise JudgeError(f"{name} is {value}; give a number above 0, 1 at most.")


class ProgressTrend:
    """Follows the judge's progress through its rises and falls; small wobbles change nothing."""

    def __init__(self, limits: TrendLimits | None = None) -> None:
        self._limits = limits or TrendLimits()
        self._newest_ns: int | None = None
        self._progress = math.nan
        self._peak = 0.0
        self._peak_ns = 0
        self._trough = 1.0
        self._fall_ns = 0
        self._lost_since_ns: int | None = None

    @property
    def last_rise_ns(self) -> int | None:
        """When progress last rose; the first answer counts as a rise. None before it."""
        return None if self._newest_ns is None else self._peak_ns

    def add(self, stamp_ns: int, progress: float) -> None:
        """Take the judge's progress, 0 to 1, at the stamp of the newest frame it saw; NaN is passed over."""
        if math.isnan(progress) or (self._newest_ns is not None and stamp_ns <= self._newest_ns):
            return
        step = self._limits.stall_progress
        if self._newest_ns is None or progress >= self._trough + step:
            self._peak, self._peak_ns, self._trough = progress, stamp_ns, progress
        elif progress <= self._trough - step:
            self._trough, self._fall_ns = progress, stamp_ns
        self._newest_ns, self._progress = stamp_ns, progress
        if self._peak - progress < self._limits.regress_progress:
            self._lost_since_ns = None
        elif self._lost_since_ns is None:
            self._lost_since_ns = stamp_ns

    def findings(self) -> tuple[Finding, ...]:
        """Return the trend at the newest answer; nothing before the first."""
        if self._newest_ns is None:
            return ()
        found = [finding for finding in (self._regress(), self._stall()) if finding is not None]
        if found:
            return tuple(found)
        text = f"Progress is {self._progress:.2f} and last rose {self._still_s:.1f} s ago."
        return (self._finding("progress_trend", Effect.NEUTRAL, text, None, self._still_s, self._limits.stall_s, "s"),)

    @property
    def _still_s(self) -> float:
        assert self._newest_ns is not None
        return (self._newest_ns - max(self._peak_ns, self._fall_ns)) * 1e-9

    def _stall(self) -> Finding | None:
        if self._progress >= self._limits.complete_progress or self._still_s < self._limits.stall_s:
            return None
        text = f"Progress has stayed near {self._progress:.2f} for {self._still_s:.1f} s."
        since_ns = max(self._peak_ns, self._fall_ns)
        return self._finding("progress_stalled", Effect.STALL, text, since_ns, self._still_s, self._limits.stall_s, "s")

    def _regress(self) -> Finding | None:
        if self._lost_since_ns is None or self._newest_ns is None:
            return None
        held = self._newest_ns - self._lost_since_ns >= nanoseconds(self._limits.regress_s)
        if not held or self._still_s >= self._limits.stall_s:
            return None
        lost = self._peak - self._progress
        text = f"Progress fell from {self._peak:.2f} to {self._progress:.2f}."
        limit = self._limits.regress_progress
        return self._finding("progress_lost", Effect.REGRESS, text, self._peak_ns, lost, limit, "1")

    def _finding(
        self, name: str, effect: Effect, text: str, onset_ns: int | None, value: float, limit: float, unit: str
    ) -> Finding:
        assert self._newest_ns is not None
        severity = Severity.INFO if effect is Effect.NEUTRAL else Severity.WARNING
        return Finding(
            Layer.STRUCTURE,
            name,
            "",
            effect,
            text,
            self._newest_ns,
            onset_ns=onset_ns,
            severity=severity,
            value=value,
            limit=limit,
            unit=unit,
        )
