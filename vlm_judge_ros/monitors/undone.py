"""Layer 2: has the robot undone what it had done?"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec, ProgressSample
from vlm_judge_ros.monitors.names import FailureModeName


class Undone(MonitorSpec):
    """Progress that fell by more than a share of the task and stays down has been undone."""

    LAYER: ClassVar[Layer] = Layer.STRUCTURE

    kind: Literal["undone"]
    lost_share: float = Field(
        default=0.25, gt=0.0, le=1.0, description="Loss of progress, as a share of the task, that undoes it."
    )
    duration_s: float = Field(default=2.0, ge=0.0, le=3600.0, description="How long it has to stay lost.")
    failure_mode: FailureModeName = Field(default=FailureMode.UNDONE, description="Failure mode that it speaks for.")

    def make(self, episode: EpisodeContext) -> UndoneMonitor:
        """Make the monitor for an episode."""
        return UndoneMonitor(self)


class UndoneMonitor(Monitor):
    """Holds progress against the best that two answers in a row reached, because one alone may be a slip."""

    def __init__(self, spec: Undone) -> None:
        self._spec = spec
        self._duration_ns = nanoseconds(spec.duration_s)
        self._best = 0.0
        self._progress = math.nan
        self._newest_ns = 0
        self._lost_since_ns: int | None = None

    def add_progress(self, sample: ProgressSample) -> None:
        """Take progress; NaN, and answers about older frames, are passed over."""
        progress = sample.progress
        if not 0.0 <= progress <= 1.0 or sample.stamp_ns < self._newest_ns:
            return
        if not math.isnan(self._progress):
            self._best = max(self._best, min(progress, self._progress))
        self._progress, self._newest_ns = progress, sample.stamp_ns
        if self._best - progress < self._spec.lost_share:
            self._lost_since_ns = None
        elif self._lost_since_ns is None:
            self._lost_since_ns = sample.stamp_ns
        since_ns = self._lost_since_ns
        self.alarm = since_ns is not None and sample.stamp_ns - since_ns >= self._duration_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how much of the best progress is lost."""
        spec = self._spec
        if math.isnan(self._progress):
            text = "The judge has told no progress, so none is lost."
            return (spec.finding(Effect.NEUTRAL, text, now_ns, limit=spec.lost_share),)
        lost = max(0.0, self._best - self._progress)
        text = f"Progress is {self._progress:.2f}, and was {self._best:.2f} at its best"
        if self._lost_since_ns is not None:
            text += f"; it has been lost for {(self._newest_ns - self._lost_since_ns) * 1e-9:.1f} s"
        found = spec.finding(
            Effect.FAILURE if self.alarm else Effect.NEUTRAL,
            f"{text}.",
            self._newest_ns,
            onset_ns=self._lost_since_ns if self.alarm else None,
            value=lost,
            limit=spec.lost_share,
        )
        return (found,)
