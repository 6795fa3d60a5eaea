"""Layer 4: does the robot walk?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.step import SteppingMonitor, SteppingSpec
from vlm_judge_ros.monitors.steps import Step


class Walking(SteppingSpec):
    """The robot makes real steps with one foot after the other, for some time, and stays upright.

    Speaks for success once it has walked, until the pelvis sinks: then the walk counts for nothing.
    """

    kind: Literal["walking"]
    least_steps: int = Field(default=4, ge=2, le=100000, description="How many steps it takes, the feet in turn.")
    duration_s: float = Field(
        default=5.0, ge=0.0, le=3600.0, description="How long the robot has to stay upright from the first of them on."
    )
    sunk_s: float = Field(
        default=0.3,
        ge=0.0,
        le=60.0,
        description="How long the pelvis may be lower than pelvis_drop_m allows, as on a stair.",
    )
    pause_s: float = Field(default=3.0, gt=0.0, le=600.0, description="After a longer pause a new walk begins.")

    @model_validator(mode="after")
    def _knows_height(self) -> Walking:
        if self.pelvis_height is None:
            raise ValueError("walking needs pelvis_height, because a robot that falls does not walk")
        return self

    def make(self, episode: EpisodeContext) -> WalkingMonitor:
        """Make the monitor for an episode."""
        return WalkingMonitor(self)


class WalkingMonitor(SteppingMonitor):
    """Follows the newest walk: steps of the feet in turn, without a long pause, while the robot is upright."""

    def __init__(self, spec: Walking) -> None:
        super().__init__(spec)
        self._spec = spec
        self._pause_ns = nanoseconds(spec.pause_s)
        self._duration_ns = nanoseconds(spec.duration_s)
        self._gap_ns = nanoseconds(spec.max_age_s)
        self._patience_ns = nanoseconds(spec.sunk_s)
        self._sunk_ns: int | None = None
        self._run = 0
        self._since_ns = 0
        self._last: Step | None = None
        self._newest_ns = 0
        self._walked_ns: int | None = None

    def add_signals(self, sample: SignalSample) -> None:
        """Take what a message tells; a pelvis that sinks ends the walk."""
        super().add_signals(sample)
        if self._spec.pelvis_height not in sample.values:
            return
        before_ns, self._newest_ns = self._newest_ns, sample.stamp_ns
        if abs(sample.stamp_ns - before_ns) > self._gap_ns:
            # Nobody saw whether the robot stayed upright.
            self._end()
        elif self.upright:
            self._sunk_ns = None
            enough = self._run >= self._spec.least_steps and self._newest_ns - self._since_ns >= self._duration_ns
            if enough and self._walked_ns is None:
                self._walked_ns = self._newest_ns
        elif self._sunk_ns is None:
            self._sunk_ns = self._newest_ns
        elif self._newest_ns - self._sunk_ns >= self._patience_ns:
            self._end()

    def counted(self, step: Step) -> None:
        """Take the next step of the walk, or the first of a new one."""
        last, self._last = self._last, step
        if last is None or last.foot == step.foot or step.lift_ns - last.land_ns > self._pause_ns:
            self._run, self._since_ns = 1, step.lift_ns
        else:
            self._run += 1

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how far the walk has come."""
        blind = self.blind(now_ns)
        if blind:
            return blind
        spec = self._spec
        duration_s = (self._newest_ns - self._since_ns) * 1e-9 if self._run else 0.0
        text = (
            f"The robot has made {self._run} of {spec.least_steps} steps in turn within {duration_s:.1f} s of "
            f"{spec.duration_s:g} s; its pelvis is {self._height.height_m:.2f} m above the lower foot."
        )
        if self._walked_ns is not None and self.upright:
            effect, text = Effect.SUCCESS, f"The robot has walked. {text}"
        else:
            effect = Effect.NEUTRAL
        return self.found(effect, text, now_ns, float(self._run), float(spec.least_steps), "1", self._walked_ns)

    def _end(self) -> None:
        """Let the walk so far count for nothing."""
        self._run, self._last = 0, None
        self._walked_ns = self._sunk_ns = None
