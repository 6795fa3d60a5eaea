"""What the monitors of legged robots have in common: how the signals of two feet are read."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.monitor import Monitor, MonitorSpec
from vlm_judge_ros.monitors.signal_memory import SignalMemory
from vlm_judge_ros.monitors.steps import Step, StepCounter, StepLimits

FootSignals = tuple[str, str, str]


class FeetSpec(MonitorSpec):
    """Two feet whose positions, in a frame fixed in the world with z up, are signals in m."""

    left_foot: FootSignals = Field(
        description="Signals of x, y and z of the left foot, in m, in a frame fixed in the world."
    )
    right_foot: FootSignals = Field(description="The same of the right foot.")
    left_contact: str | None = Field(default=None, description="Signal of contact or force of the left foot, if any.")
    right_contact: str | None = Field(default=None, description="The same of the right foot.")
    contact_min: float = Field(
        default=0.5, gt=0.0, description="The foot touches the ground at this or more; unit of the contact signals."
    )
    lift_m: float = Field(default=0.04, gt=0.0, le=1.0, description="How high a foot is lifted in a step.")
    max_age_s: float = Field(default=0.5, gt=0.0, le=60.0, description="No signal older than this is believed.")

    @model_validator(mode="after")
    def _has_both_contacts(self) -> FeetSpec:
        if (self.left_contact is None) is not (self.right_contact is None):
            raise ValueError("left_contact and right_contact belong together; give both or neither")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        contacts = (self.left_contact, self.right_contact)
        return (*self.left_foot, *self.right_foot, *(name for name in contacts if name is not None))

    @property
    def step_limits(self) -> StepLimits:
        """What makes a step."""
        return StepLimits(lift_m=self.lift_m, max_age_s=self.max_age_s)


class FeetMonitor(Monitor):
    """Follows the feet; what that means is said by those that derive from it."""

    def __init__(self, spec: FeetSpec) -> None:
        self._feet_spec = spec
        self._memory = SignalMemory(spec.signals, spec.max_age_s)
        self._counter = StepCounter(spec.step_limits)
        self._sides = tuple(
            zip((spec.left_foot, spec.right_foot), (spec.left_contact, spec.right_contact), strict=True)
        )

    def add_signals(self, sample: SignalSample) -> None:
        """Take what a message tells of the feet, and of what else is listened to."""
        self._memory.take(sample)
        for side, (foot, contact) in enumerate(self._sides):
            # The three numbers of a foot may come in messages of their own; the last of them moves the foot.
            if foot[2] in sample.values:
                self._move(side, foot, contact, sample.stamp_ns)
        self.moved(sample.stamp_ns)

    def heading_rad(self, side: int, stamp_ns: int, lifts: bool) -> float:
        """Where ahead is for a foot, which may lift just then; NaN where that is not known."""
        return 0.0

    def stepped(self, step: Step) -> None:
        """Called for each step."""

    def moved(self, stamp_ns: int) -> None:
        """Called after each message."""

    def blind(self, now_ns: int) -> tuple[Finding, ...]:
        """Say which signal cannot be believed now; empty where all can."""
        source, why = self._memory.silence(now_ns)
        if not why:
            return ()
        text = f"{why} What the feet do is not known."
        return (self._feet_spec.finding(Effect.BLIND, text, now_ns, source=source),)

    def found(
        self, effect: Effect, text: str, now_ns: int, value: float, limit: float, unit: str, onset_ns: int | None = None
    ) -> tuple[Finding, ...]:
        """One finding of the newest signals."""
        stamp_ns = self._memory.newest_ns(now_ns)
        spec = self._feet_spec
        return (spec.finding(effect, text, stamp_ns, onset_ns=onset_ns, value=value, limit=limit, unit=unit),)

    def _move(self, side: int, foot: FootSignals, contact: str | None, stamp_ns: int) -> None:
        value = self._memory.value
        position = (value(foot[0], stamp_ns), value(foot[1], stamp_ns), value(foot[2], stamp_ns))
        if math.isnan(position[0] + position[1] + position[2]):
            return
        touches = None
        if contact is not None:
            force = value(contact, stamp_ns)
            if math.isnan(force):
                return
            touches = force >= self._feet_spec.contact_min
        for step in self._counter.add(side, stamp_ns, position, self.heading_rad, touches):
            self.stepped(step)
