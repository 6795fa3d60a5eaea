"""Layer 4: has the robot fallen?"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec
from vlm_judge_ros.monitors.names import FailureModeName
from vlm_judge_ros.monitors.signal_memory import SignalMemory


class Fall(MonitorSpec):
    """The pelvis is too low above the lower foot, or the body leans too far."""

    LAYER: ClassVar[Layer] = Layer.EVENT

    kind: Literal["fall"]
    failure_mode: FailureModeName = Field(
        default=FailureMode.FALL, description="Failure mode that it speaks for, for example FALL."
    )
    pelvis_height: str | None = Field(default=None, description="Signal of the height z of the pelvis, in m.")
    feet_height: tuple[str, ...] = Field(
        default=(),
        max_length=8,
        description="Signals of the heights z of the feet, in m. Without: the ground is at 0 m.",
    )
    height_m: float | None = Field(
        default=None, gt=0.0, le=5.0, description="The pelvis has to stay this high above the lowest foot."
    )
    tilt: str | None = Field(default=None, description="Signal of how far the body leans from upright, in rad.")
    tilt_rad: float | None = Field(default=None, gt=0.0, le=3.2, description="It must not lean further, either way.")
    confirm_s: float = Field(default=0.1, ge=0.0, le=60.0, description="For how long one of both has to be so.")
    max_age_s: float = Field(default=0.5, gt=0.0, le=60.0, description="No signal older than this is believed.")

    @model_validator(mode="after")
    def _has_a_limit(self) -> Fall:
        if (self.pelvis_height is None) is not (self.height_m is None):
            raise ValueError("pelvis_height and height_m belong together; give both or neither")
        if (self.tilt is None) is not (self.tilt_rad is None):
            raise ValueError("tilt and tilt_rad belong together; give both or neither")
        if self.pelvis_height is None and self.tilt is None:
            raise ValueError("a fall needs pelvis_height with height_m, tilt with tilt_rad, or both")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return tuple(name for name in (self.pelvis_height, self.tilt, *self.feet_height) if name is not None)

    def make(self, episode: EpisodeContext) -> FallMonitor:
        """Make the monitor for an episode."""
        return FallMonitor(self)


class FallMonitor(Monitor):
    """Holds height and tilt against their limits."""

    def __init__(self, spec: Fall) -> None:
        self._spec = spec
        self._memory = SignalMemory(spec.signals, spec.max_age_s)
        self._confirm_ns = nanoseconds(spec.confirm_s)
        self._down_ns: int | None = None
        self._height_m = math.nan
        self._tilt_rad = math.nan
        self._newest_ns = 0

    def add_signals(self, sample: SignalSample) -> None:
        """Take what a message tells."""
        self._memory.take(sample)
        stamp_ns, spec = max(self._newest_ns, sample.stamp_ns), self._spec
        if sample.stamp_ns < self._newest_ns - nanoseconds(spec.max_age_s):
            stamp_ns, self._down_ns = sample.stamp_ns, None
        self._newest_ns = stamp_ns
        if spec.pelvis_height is not None:
            feet_m = [self._memory.value(name, stamp_ns) for name in spec.feet_height]
            self._height_m = self._memory.value(spec.pelvis_height, stamp_ns) - min(feet_m, default=0.0)
        if spec.tilt is not None:
            self._tilt_rad = abs(self._memory.value(spec.tilt, stamp_ns))
        if not self._low and not self._leans:
            self._down_ns, self.alarm = None, False
            return
        if self._down_ns is None:
            self._down_ns = stamp_ns
        self.alarm = stamp_ns - self._down_ns >= self._confirm_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say whether the robot is down."""
        spec = self._spec
        source, why = self._memory.silence(now_ns)
        if why:
            return (
                spec.finding(Effect.BLIND, f"{why} Whether the robot has fallen is not known.", now_ns, source=source),
            )
        effect = Effect.FAILURE if self.alarm else Effect.NEUTRAL
        by_tilt = spec.pelvis_height is None or (self._leans and not self._low)
        if by_tilt:
            text, value, limit, unit = (
                f"The body leans by {self._tilt_rad:.2f} rad",
                self._tilt_rad,
                spec.tilt_rad,
                "rad",
            )
        else:
            value, limit, unit = self._height_m, spec.height_m, "m"
            text = f"The pelvis is {self._height_m:.2f} m above the lower foot"
        text = f"The robot has fallen: {text[0].lower()}{text[1:]}." if self.alarm else f"{text}."
        found = spec.finding(
            effect,
            text,
            self._memory.newest_ns(now_ns),
            onset_ns=self._down_ns if self.alarm else None,
            value=value,
            limit=or_nan(limit),
            unit=unit,
        )
        return (found,)

    @property
    def _low(self) -> bool:
        return self._spec.height_m is not None and self._height_m < self._spec.height_m

    @property
    def _leans(self) -> bool:
        return self._spec.tilt_rad is not None and self._tilt_rad > self._spec.tilt_rad
