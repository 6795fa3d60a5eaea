"""What monitors of a policy's own signals share."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.monitors.monitor import Monitor, MonitorSpec
from vlm_judge_ros.monitors.names import SeverityName


class PolicySignalSpec(MonitorSpec):
    """Monitors of what a policy announces. Their numbers mean something for one policy only.

    Without a limit the number is told and nothing fails. To set one, run the policy where it succeeds, read the largest
    number off the findings, and give somewhat more. Even then a failure is a warning unless `severity` says otherwise.

    Attributes:
        duration_s: how long the limit has to be broken, in seconds of chunks.
    """

    LAYER: ClassVar[Layer] = Layer.STRUCTURE

    severity: SeverityName = Field(
        default=Severity.WARNING, description="Severity of a failure that it finds: info, warning, error or critical."
    )
    duration_s: float = Field(default=0.0, ge=0.0, le=3600.0, description="How long the limit has to be broken.")


class PolicySignalMonitor(Monitor):
    """Measures each chunk and holds the number against the limit, where there is one.

    Args:
        spec: what is declared.
        limit: the limit; None for none.
        unit: of number and limit.
        most: True where the number must not be above the limit, False where it must not be below.
    """

    def __init__(self, spec: PolicySignalSpec, limit: float | None, unit: str = "1", *, most: bool = True) -> None:
        self._spec = spec
        self._limit = limit
        self._unit = unit
        self._most = most
        self._duration_ns = nanoseconds(spec.duration_s)
        self._value = math.nan
        self._extreme = math.nan
        self._text = "No action chunk has been announced"
        self._stamp_ns: int | None = None
        self._broken_since_ns: int | None = None

    def measure(self, chunk: Chunk) -> tuple[float, str]:
        """The number of a chunk and what it says, a sentence without its end; NaN, and why, where it tells none."""
        raise NotImplementedError

    def add_chunk(self, chunk: Chunk) -> None:
        """Take an announced chunk."""
        self._value, self._text = self.measure(chunk)
        self._stamp_ns = chunk.stamp_ns
        if math.isnan(self._value):
            # What is not told is no reason to go on saying that the limit is broken.
            self._broken_since_ns, self.alarm = None, False
            return
        farther = max if self._most else min
        self._extreme = self._value if math.isnan(self._extreme) else farther(self._extreme, self._value)
        if not self._broken():
            self._broken_since_ns, self.alarm = None, False
            return
        if self._broken_since_ns is None or self._broken_since_ns > chunk.stamp_ns:
            self._broken_since_ns = chunk.stamp_ns
        self.alarm = chunk.stamp_ns - self._broken_since_ns >= self._duration_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Tell the number of the newest chunk."""
        text = self._text
        if self.alarm:
            text += f", {'above' if self._most else 'below'} the limit of {self._limit:g}"
        elif not math.isnan(self._extreme):
            text += f"; {self._extreme:.3g} at {'most' if self._most else 'least'} so far"
        stamp_ns = now_ns if self._stamp_ns is None else min(self._stamp_ns, now_ns)
        found = self._spec.finding(
            Effect.FAILURE if self.alarm else Effect.NEUTRAL,
            f"{text}.",
            stamp_ns,
            onset_ns=self._broken_since_ns if self.alarm else None,
            value=self._value,
            limit=or_nan(self._limit),
            unit=self._unit,
        )
        return (found,)

    def _broken(self) -> bool:
        if self._limit is None:
            return False
        return self._value > self._limit if self._most else self._value < self._limit
