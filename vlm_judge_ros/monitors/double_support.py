"""Layer 2: for how much of a walk do both feet stand?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.gait import GaitMonitor, GaitSpec, Stance, both, seconds
from vlm_judge_ros.monitors.monitor import EpisodeContext


class DoubleSupport(GaitSpec):
    """Both feet stand for too small or too large a share of the window, while the robot moves its feet."""

    kind: Literal["double_support"]
    min_share: float = Field(default=0.0, ge=0.0, le=1.0, description="Smallest share of the window that is allowed.")
    max_share: float = Field(default=1.0, ge=0.0, le=1.0, description="Largest share of the window that is allowed.")
    least_swings: int = Field(
        default=4,
        ge=0,
        le=1000,
        description="With fewer swings of the feet in the window it is no gait and all is allowed.",
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> DoubleSupport:
        if self.min_share > self.max_share:
            raise ValueError(f"min_share {self.min_share:g} must not be above max_share {self.max_share:g}")
        if self.min_share == 0.0 and self.max_share == 1.0:
            raise ValueError("double_support needs min_share above 0, max_share below 1, or both")
        return self

    def make(self, episode: EpisodeContext) -> DoubleSupportMonitor:
        """Make the monitor for an episode."""
        return DoubleSupportMonitor(self)


class DoubleSupportMonitor(GaitMonitor):
    """Says for which share of the window both feet stood."""

    def __init__(self, spec: DoubleSupport) -> None:
        super().__init__(spec, spec.max_share)
        self._spec = spec

    def findings_over(self, window: Stance, now_ns: int) -> tuple[Finding, ...]:
        """Say for which share of the window both feet stood."""
        spec = self._spec
        feet = (self.stances(0, window), self.stances(1, window))
        swings = sum(1 for stances in feet for _, end in stances if end < window[1])
        share = seconds(both(*feet)) / ((window[1] - window[0]) * 1e-9)
        text = f"Both feet stood for {share:.0%} of the last {(window[1] - window[0]) * 1e-9:.1f} s"
        limit = spec.min_share if share < spec.min_share else spec.max_share
        if swings < spec.least_swings or spec.min_share <= share <= spec.max_share:
            return self.found(Effect.NEUTRAL, f"{text}.", now_ns, share, limit, "1")
        side = "at least" if share < spec.min_share else "at most"
        return self.found(Effect.FAILURE, f"{text}; it has to be {side} {limit:.0%}.", now_ns, share, limit, "1")
