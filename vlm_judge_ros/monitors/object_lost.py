"""Layer 4: has the gripper lost what it held?"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.gripper import GripperMonitor, GripperSpec
from vlm_judge_ros.monitors.gripper_state import GripperState
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.names import FailureModeName
from vlm_judge_ros.monitors.place import Place


class ObjectLost(GripperSpec):
    """What was held is gone: the gripper runs on to its end stop, no longer presses, or is opened where it must not be.

    Speaks for failure until the gripper holds something again.
    """

    kind: Literal["object_lost"]
    failure_mode: FailureModeName = Field(
        default=FailureMode.OBJECT_DROPPED, description="Failure mode that it speaks for, for example OBJECT_DROPPED."
    )
    release: Literal["anywhere", "at_place", "never"] = Field(
        default="anywhere",
        description="Where the gripper may be opened while it holds something: anywhere, at_place or never.",
    )
    place: Place | None = Field(default=None, description="The place of release at_place.")

    @model_validator(mode="after")
    def _has_a_place(self) -> ObjectLost:
        if (self.place is not None) is not (self.release == "at_place"):
            raise ValueError("place and release: at_place belong together; give both or neither")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return (*self.gripper_signals, *(self.place.signals if self.place is not None else ()))

    def make(self, episode: EpisodeContext) -> ObjectLostMonitor:
        """Make the monitor for an episode."""
        return ObjectLostMonitor(self, episode.units.get(self.signal, "1"))


class ObjectLostMonitor(GripperMonitor):
    """Says whether the gripper has lost what it held."""

    def __init__(self, spec: ObjectLost, unit: str) -> None:
        super().__init__(spec, unit)
        self._spec = spec
        self._opened_ns: int | None = None
        self._elsewhere = ""

    def gripper_moved(self, stamp_ns: int) -> None:
        """Note how the gripper came to hold nothing."""
        gripper = self._gripper
        if gripper.released_ns != self._opened_ns:
            self._opened_ns = gripper.released_ns
            self._elsewhere = self._wrongly_opened(gripper.released_ns) if gripper.released_ns is not None else ""
        self.alarm = gripper.loss is not None or bool(self._elsewhere)

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say whether what was held is lost."""
        blind = self.blind(now_ns, self._spec.signals)
        if blind:
            return blind
        gripper = self._gripper
        if gripper.loss is not None:
            text = f"The gripper lost what it held: it {gripper.loss.value} ({self.reads})."
            return self.found(Effect.FAILURE, text, now_ns, gripper.lost_ns)
        if self._elsewhere:
            return self.found(Effect.FAILURE, self._elsewhere, now_ns, self._opened_ns)
        held = "something" if gripper.state is GripperState.HOLDING else "nothing and lost nothing"
        return self.found(Effect.NEUTRAL, f"The gripper holds {held} ({self.reads}).", now_ns)

    def _wrongly_opened(self, stamp_ns: int) -> str:
        """Say what is wrong with an opening at a moment; empty for nothing."""
        spec = self._spec
        if spec.release == "never":
            return "The gripper was opened while it held something, which this task never asks for."
        if spec.place is None or spec.place.holds(self._memory, stamp_ns):
            return ""
        offset_m = spec.place.offset_m(self._memory, stamp_ns)
        if math.isnan(offset_m):
            return ""
        return f"The gripper was opened {offset_m:.2f} m from the goal while it held something."
