"""Layer 2: are both feet in the air?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.gait import GaitMonitor, GaitSpec, Stance, neither, seconds
from vlm_judge_ros.monitors.monitor import EpisodeContext


class Airborne(GaitSpec):
    """Neither foot stands: for too large a share of the window, or for too long at once."""

    kind: Literal["airborne"]
    max_share: float = Field(default=0.2, ge=0.0, le=1.0, description="Largest share of the window that is allowed.")
    max_s: float = Field(default=0.5, ge=0.0, le=60.0, description="Longest time at once that is allowed.")

    def make(self, episode: EpisodeContext) -> AirborneMonitor:
        """Make the monitor for an episode."""
        return AirborneMonitor(self)


class AirborneMonitor(GaitMonitor):
    """Says for how long neither foot stood."""

    def __init__(self, spec: Airborne) -> None:
        super().__init__(spec, spec.max_share)
        self._spec = spec
        self._longest_ns = nanoseconds(spec.max_s)

    def moved(self, stamp_ns: int) -> None:
        """Raise the alarm where both feet have been in the air for too long by now."""
        super().moved(stamp_ns)
        left, right = self._counter.feet
        flying = self._begun_ns is not None and not left.planted and not right.planted
        self.alarm = flying and stamp_ns - max(left.lift_ns, right.lift_ns) > self._longest_ns

    def findings_over(self, window: Stance, now_ns: int) -> tuple[Finding, ...]:
        """Say for which share of the window both feet were in the air."""
        spec = self._spec
        free = list(neither(self.stances(0, window), self.stances(1, window), window))
        share = seconds(free) / ((window[1] - window[0]) * 1e-9)
        now_s = seconds([span for span in free if span[1] == window[1]])
        if self.alarm:
            text = f"Both feet have been in the air for {now_s:.2f} s; {spec.max_s:g} s are allowed."
            return self.found(Effect.FAILURE, text, now_ns, now_s, spec.max_s, "s", free[-1][0] if free else None)
        text = f"Both feet were in the air for {share:.0%} of the last {(window[1] - window[0]) * 1e-9:.1f} s"
        # A window that has only begun says nothing of shares.
        if share > spec.max_share and window[1] - window[0] >= 0.5 * self._window_ns:
            text = f"{text}; {spec.max_share:.0%} are allowed."
            return self.found(Effect.FAILURE, text, now_ns, share, spec.max_share, "1", free[0][0])
        return self.found(Effect.NEUTRAL, f"{text}.", now_ns, share, spec.max_share, "1")
