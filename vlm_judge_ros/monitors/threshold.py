"""Layer 1: is a limit broken?"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec


class Threshold(MonitorSpec):
    """A signal has to stay within limits, given in its own unit."""

    LAYER: ClassVar[Layer] = Layer.THRESHOLD

    kind: Literal["threshold"]
    signal: str = Field(description="Name of the signal.")
    min: float | None = Field(default=None, description="Smallest value that is allowed, in the unit of the signal.")
    max: float | None = Field(default=None, description="Largest value that is allowed, in the unit of the signal.")
    duration_s: float = Field(default=0.0, ge=0.0, le=3600.0, description="How long the limit has to be broken.")

    @model_validator(mode="after")
    def _has_a_limit(self) -> Threshold:
        if self.min is None and self.max is None:
            raise ValueError("a threshold needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min:g} and max is {self.max:g}; min must not be above max")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return (self.signal,)

    def make(self, episode: EpisodeContext) -> ThresholdMonitor:
        """Make the monitor for an episode."""
        return ThresholdMonitor(self, episode.units.get(self.signal, "1"))


class ThresholdMonitor(Monitor):
    """Holds each value of a signal against the limits."""

    def __init__(self, spec: Threshold, unit: str) -> None:
        self._spec = spec
        self._unit = unit
        self._low = -math.inf if spec.min is None else spec.min
        self._high = math.inf if spec.max is None else spec.max
        self._duration_ns = nanoseconds(spec.duration_s)
        self._value = math.nan
        self._newest_ns = 0
        self._broken_since_ns: int | None = None

    def add_signals(self, sample: SignalSample) -> None:
        """Take the newest value; one that is no finite number is left to the check of the signal's health."""
        value, stamp_ns = sample.values[self._spec.signal], sample.stamp_ns
        if not math.isfinite(value):
            return
        self._value, self._newest_ns = value, stamp_ns
        if self._low <= value <= self._high:
            self._broken_since_ns = None
            self.alarm = False
            return
        # A clock that was set back must not put off the alarm until it has caught up.
        if self._broken_since_ns is None or stamp_ns < self._broken_since_ns:
            self._broken_since_ns = stamp_ns
        # An alarm stays until a value is within the limits, however the stamps go.
        self.alarm = self.alarm or stamp_ns - self._broken_since_ns >= self._duration_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say whether the limit is broken now."""
        spec, signal, value = self._spec, self._spec.signal, self._value
        if math.isnan(value):
            text = f"Signal {signal} has not been received, so it is not known whether its limit holds."
            return (spec.finding(Effect.BLIND, text, now_ns, source=signal, unit=self._unit),)
        low_counts = value < self._low or (value <= self._high and self._nearer_to_low(value))
        limit, side = (self._low, "below") if low_counts else (self._high, "above")
        # Its stamp may lie ahead of the clock, and must not become that of a verdict.
        stamp_ns = min(self._newest_ns, now_ns)
        unit = "" if self._unit == "1" else f" {self._unit}"
        amount, bound = f"{value:g}{unit}", f"{limit:g}{unit}"
        text = f"Signal {signal} is {amount}"
        if not self.alarm or self._broken_since_ns is None:
            found = spec.finding(
                Effect.NEUTRAL,
                f"{text}{self._beyond(stamp_ns, side, bound)}.",
                stamp_ns,
                source=signal,
                value=value,
                limit=limit,
                unit=self._unit,
            )
            return (found,)
        found = spec.finding(
            Effect.FAILURE,
            f"{text}, {side} the limit of {bound}.",
            stamp_ns,
            source=signal,
            onset_ns=min(self._broken_since_ns, now_ns),
            value=value,
            limit=limit,
            unit=self._unit,
        )
        return (found,)

    def _nearer_to_low(self, value: float) -> bool:
        return value - self._low < self._high - value

    def _beyond(self, stamp_ns: int, side: str, bound: str) -> str:
        if self._broken_since_ns is None:
            return ""
        broken_s = max(0, stamp_ns - self._broken_since_ns) * 1e-9
        return f", for {broken_s:.2f} s of {self._spec.duration_s:g} s {side} the limit of {bound}"
