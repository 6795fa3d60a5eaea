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
        """Take the newest value; one that is no number is left to the check of the signal's health."""
        value = sample.values[self._spec.signal]
        if math.isnan(value):
            return
        self._value, self._newest_ns = value, sample.stamp_ns
        if self._low <= value <= self._high:
            self._broken_since_ns = None
            self.alarm = False
            return
        if self._broken_since_ns is None:
            self._broken_since_ns = sample.stamp_ns
        self.alarm = sample.stamp_ns - self._broken_since_ns >= self._duration_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say whether the limit is broken now."""
        spec, signal = self._spec, self._spec.signal
        if math.isnan(self._value):
            text = f"Signal {signal} has not been received, so it is not known whether its limit holds."
            return (spec.finding(Effect.BLIND, text, now_ns, source=signal, unit=self._unit),)
        limit = self._low if self._value < self._low or self._high == math.inf else self._high
        side = "below" if limit == self._low else "above"
        text = f"Signal {signal} is {self._value:g} {self._unit}"
        if self.alarm:
            effect, text = Effect.FAILURE, f"{text}, {side} the limit of {limit:g} {self._unit}."
        else:
            effect, text = Effect.NEUTRAL, f"{text}."
        found = spec.finding(
            effect,
            text,
            self._newest_ns,
            source=signal,
            onset_ns=self._broken_since_ns if self.alarm else None,
            value=self._value,
            limit=limit,
            unit=self._unit,
        )
        return (found,)
