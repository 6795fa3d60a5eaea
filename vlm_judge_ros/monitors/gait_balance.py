"""Layer 2: do both feet do their part?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.gait import GaitMonitor, GaitSpec, Stance, seconds
from vlm_judge_ros.monitors.monitor import EpisodeContext


class GaitBalance(GaitSpec):
    """One foot swings more often, or stands longer, than the other. Imbalance is difference by sum, 0 to 1."""

    kind: Literal["gait_balance"]
    of: Literal["stance", "swings"] = Field(
        default="stance",
        description="What is compared: stance, the time each foot stands, or swings, how often it lifts.",
    )
    max_imbalance: float = Field(default=0.4, ge=0.0, lt=1.0, description="Largest imbalance that is allowed, 0 to 1.")
    least_swings: int = Field(
        default=4,
        ge=1,
        le=1000,
        description="With fewer swings of the feet in the window it is no gait and all is allowed.",
    )

    def make(self, episode: EpisodeContext) -> GaitBalanceMonitor:
        """Make the monitor for an episode."""
        return GaitBalanceMonitor(self)


class GaitBalanceMonitor(GaitMonitor):
    """Compares the two feet over the window."""

    def __init__(self, spec: GaitBalance) -> None:
        super().__init__(spec, spec.max_imbalance)
        self._spec = spec

    def findings_over(self, window: Stance, now_ns: int) -> tuple[Finding, ...]:
        """Say how unlike the feet are."""
        spec, limit = self._spec, self._spec.max_imbalance
        feet = (self.stances(0, window), self.stances(1, window))
        swings = [sum(1 for _, end in stances if end < window[1]) for stances in feet]
        if spec.of == "swings":
            left, right = float(swings[0]), float(swings[1])
            told = f"lifted the left foot {swings[0]} times and the right foot {swings[1]} times"
        else:
            left, right = seconds(feet[0]), seconds(feet[1])
            told = f"stood on the left foot for {left:.1f} s and on the right foot for {right:.1f} s"
        imbalance = abs(left - right) / (left + right) if left + right > 0.0 else 0.0
        failing = sum(swings) >= spec.least_swings and imbalance > limit
        window_s = (window[1] - window[0]) * 1e-9
        text = f"In the last {window_s:.1f} s the robot {told}: imbalance {imbalance:.2f}"
        if failing:
            return self.found(Effect.FAILURE, f"{text}; {limit:.2f} is allowed.", now_ns, imbalance, limit, "1")
        return self.found(Effect.NEUTRAL, f"{text}.", now_ns, imbalance, limit, "1")
