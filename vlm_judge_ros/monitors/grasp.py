"""Layer 4: has the gripper closed on something?"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.gripper import GripperMonitor, GripperSpec
from vlm_judge_ros.monitors.gripper_state import GripperState
from vlm_judge_ros.monitors.monitor import EpisodeContext


class Grasp(GripperSpec):
    """The gripper closed and came to rest before its end stop: it holds something. Speaks for success while it does.

    Without effort or command a gripper that was only told to close half way looks the same.
    """

    GIVES: ClassVar[tuple[Effect, ...]] = (Effect.SUCCESS,)

    kind: Literal["grasp"]

    def make(self, episode: EpisodeContext) -> GraspMonitor:
        """Make the monitor for an episode."""
        return GraspMonitor(self, episode.units.get(self.signal, "1"))


class GraspMonitor(GripperMonitor):
    """Says whether the gripper holds something now."""

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say what the gripper does."""
        blind = self.blind(now_ns)
        if blind:
            return blind
        gripper = self._gripper
        if gripper.state is GripperState.HOLDING:
            held_s = max(0.0, (now_ns - gripper.since_ns) * 1e-9)
            text = f"The gripper has held something for {held_s:.1f} s ({self.reads})."
            return self.found(Effect.SUCCESS, text, now_ns, gripper.since_ns)
        return self.found(Effect.NEUTRAL, f"The gripper holds nothing: {gripper.state.value} ({self.reads}).", now_ns)
