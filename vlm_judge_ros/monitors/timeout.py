"""Layer 2: does the task, or a step of it, take too long?"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec, ProgressSample
from vlm_judge_ros.monitors.names import FailureModeName

COMPLETE_SHARE = 0.95
"""Progress at which the last step counts as done: judges seldom say 1."""


class Timeout(MonitorSpec):
    """The task, or one of its subtasks, has to be complete in time. Time stands still while the gate finds it complete.

    The `timeout_s` of a task and of its subtasks make these monitors by themselves.
    """

    LAYER: ClassVar[Layer] = Layer.STRUCTURE

    kind: Literal["timeout"]
    timeout_s: float = Field(gt=0.0, le=86400.0, description="Longest time, from the start of the task or subtask.")
    subtask: str = Field(default="", max_length=200, description="Name of the subtask. Empty: the whole task.")
    from_share: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Progress at which the subtask begins, where the judge tells no subtasks.",
    )
    to_share: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="Progress at which the subtask is done, where the judge tells no subtasks.",
    )
    failure_mode: FailureModeName = Field(default=FailureMode.TIMEOUT, description="Failure mode that it speaks for.")

    @model_validator(mode="after")
    def _does_not_end_before_it_begins(self) -> Timeout:
        if self.from_share > self.to_share:
            raise ValueError(f"from_share is {self.from_share:g}; it must not be above to_share, {self.to_share:g}")
        return self

    def make(self, episode: EpisodeContext) -> Monitor:
        """Make the monitor for an episode."""
        return SubtaskTimeout(self, episode.started_ns) if self.subtask else TaskTimeout(self, episode.started_ns)


class TaskTimeout(Monitor):
    """Counts the seconds since the episode began."""

    def __init__(self, spec: Timeout, started_ns: int) -> None:
        self._spec = spec
        self._started_ns = started_ns
        self._complete = False

    def add_completion(self, complete: bool) -> None:
        """Take whether the gate finds the task complete."""
        self._complete = complete

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how long the task has taken."""
        if self._complete:
            return (self._spec.finding(Effect.NEUTRAL, "The task is complete.", now_ns, unit="s"),)
        return (_held_against(self._spec, self._started_ns, now_ns, "The task", ""),)


class SubtaskTimeout(Monitor):
    """Counts the seconds since a subtask began, as the judge tells it, or else as far as progress is."""

    def __init__(self, spec: Timeout, started_ns: int) -> None:
        self._spec = spec
        self._told = False
        self._complete = False
        self._done = False
        # Until something else is known, the first step is under way from the start.
        self._began_ns: int | None = started_ns if spec.from_share == 0.0 else None

    def add_completion(self, complete: bool) -> None:
        """Take whether the gate finds the task complete."""
        self._complete = complete

    def add_progress(self, sample: ProgressSample) -> None:
        """Take which subtasks are under way and which are done; where none are told, progress."""
        if sample.active or sample.done:
            active = self._spec.subtask in sample.active
            if not self._told and not active:
                self._began_ns = None
            self._told = True
            self._follow(active, self._spec.subtask in sample.done, sample.stamp_ns)
        elif not self._told and not math.isnan(sample.progress):
            done = sample.progress >= min(self._spec.to_share, COMPLETE_SHARE)
            self._follow(sample.progress >= self._spec.from_share, done, sample.stamp_ns)

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how long the subtask has taken."""
        spec = self._spec
        what = f"Subtask {spec.subtask!r}"
        if self._began_ns is None or self._complete:
            text = f"{what} is done." if self._done or self._complete else f"{what} has not begun."
            return (spec.finding(Effect.NEUTRAL, text, now_ns, source=spec.subtask, limit=spec.timeout_s, unit="s"),)
        source = "as the judge tells"
        if not self._told:
            source = f"as progress from {spec.from_share:.2f} to {spec.to_share:.2f} tells"
        return (_held_against(spec, self._began_ns, now_ns, what, f", {source}"),)

    def _follow(self, active: bool, done: bool, stamp_ns: int) -> None:
        self._done = done
        if done:
            self._began_ns = None
        elif active and self._began_ns is None:
            self._began_ns = stamp_ns


def _held_against(spec: Timeout, began_ns: int, now_ns: int, what: str, source: str) -> Finding:
    taken_ns = now_ns - began_ns
    late = taken_ns > nanoseconds(spec.timeout_s)
    text = f"{what} has been under way for {taken_ns * 1e-9:.1f} s{source}"
    return spec.finding(
        Effect.FAILURE if late else Effect.NEUTRAL,
        f"{text}, longer than {spec.timeout_s:g} s." if late else f"{text}.",
        now_ns,
        source=spec.subtask,
        onset_ns=began_ns + nanoseconds(spec.timeout_s) if late else None,
        value=taken_ns * 1e-9,
        limit=spec.timeout_s,
        unit="s",
    )
