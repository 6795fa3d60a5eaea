"""Layer 4: did the gripper close on nothing?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.gripper import GripperMonitor, GripperSpec
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.names import FailureModeName


class GraspMissed(GripperSpec):
    """The gripper ran to its end stop without anything in between, and still holds nothing after a while."""

    kind: Literal["grasp_missed"]
    failure_mode: FailureModeName = Field(
        default=FailureMode.GRASP_MISSED, description="Failure mode that it speaks for, for example GRASP_MISSED."
    )
    tries: int = Field(
        default=1, ge=1, le=100, description="How often it may close on nothing before that is a failure."
    )
    after_s: float = Field(
        default=1.0, ge=0.0, le=3600.0, description="How long it has to hold nothing after the last of these tries."
    )
    after_release: bool = Field(
        default=False, description="Whether closing on nothing counts after it released something, too."
    )

    def make(self, episode: EpisodeContext) -> GraspMissedMonitor:
        """Make the monitor for an episode."""
        return GraspMissedMonitor(self, episode.units.get(self.signal, "1"))


class GraspMissedMonitor(GripperMonitor):
    """Counts how often the gripper closed on nothing since it last held something."""

    def __init__(self, spec: GraspMissed, unit: str) -> None:
        super().__init__(spec, unit)
        self._spec = spec
        self._after_ns = nanoseconds(spec.after_s)
        self._exhausted_ns: int | None = None

    def gripper_moved(self, stamp_ns: int) -> None:
        """Note when the tries were used up."""
        gripper = self._gripper
        counts = self._spec.after_release or gripper.released_ns is None
        if gripper.misses < self._spec.tries or not counts:
            self._exhausted_ns = None
            self.alarm = False
            return
        if self._exhausted_ns is None:
            self._exhausted_ns = gripper.missed_ns or stamp_ns
        self.alarm = stamp_ns - self._exhausted_ns >= self._after_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how often the gripper closed on nothing."""
        blind = self.blind(now_ns)
        if blind:
            return blind
        if not self.alarm:
            text = f"The gripper has missed {self._gripper.misses} grasps in a row ({self.reads})."
            return self.found(Effect.NEUTRAL, text, now_ns)
        times = "" if self._gripper.misses == 1 else f" {self._gripper.misses} times in a row"
        text = f"The gripper closed on nothing{times} ({self.reads})."
        return self.found(Effect.FAILURE, text, now_ns, self._exhausted_ns)
