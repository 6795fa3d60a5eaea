"""What the monitors of a gripper have in common: how its numbers are read."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.gripper_state import GripperLimits, GripperTracker
from vlm_judge_ros.monitors.monitor import Monitor, MonitorSpec
from vlm_judge_ros.monitors.signal_memory import SignalMemory


class GripperSpec(MonitorSpec):
    """A gripper whose opening is a signal. Shares are shares of the way from open to closed."""

    LAYER = Layer.EVENT

    signal: str = Field(description="Signal of the opening of the gripper, or of how far it is closed; m or rad.")
    open_at: float = Field(description="What the signal reads when the gripper is fully open, in its unit.")
    closed_at: float = Field(
        description="What it reads when it has closed onto nothing; may be above or below open_at."
    )
    effort_signal: str | None = Field(default=None, description="Signal of the force or torque of the gripper.")
    effort_min: float = Field(
        default=0.0, ge=0.0, description="It presses with at least this, whatever the sign; unit of effort_signal."
    )
    command_signal: str | None = Field(default=None, description="Signal of where the gripper is told to go.")
    squeeze_share: float = Field(
        default=0.05, gt=0.0, le=1.0, description="It presses where it is told to close further than it is by this."
    )
    margin_share: float = Field(
        default=0.1, gt=0.0, lt=1.0, description="What it holds keeps it at least this far from its closed end stop."
    )
    least_closure_share: float = Field(
        default=0.1, ge=0.0, lt=1.0, description="Where it holds something it is closed at least this far."
    )
    rest_share: float = Field(
        default=0.04, gt=0.0, le=0.5, description="It is at rest where it moves by no more than this within hold_s."
    )
    hold_s: float = Field(default=0.3, ge=0.0, le=60.0, description="How long it has to be at rest to hold something.")
    opening_share: float = Field(
        default=0.2, gt=0.0, le=1.0, description="It is opened where it opens by more than this; less is a bounce."
    )
    confirm_s: float = Field(
        default=0.05, ge=0.0, le=10.0, description="How long it has to be at its end stop, or opened, to count as that."
    )
    effort_lost_s: float = Field(
        default=0.3, ge=0.0, le=60.0, description="How long it must no longer press to have lost what it held."
    )
    max_age_s: float = Field(default=0.5, gt=0.0, le=60.0, description="No signal older than this is believed.")

    @model_validator(mode="after")
    def _has_a_stroke(self) -> GripperSpec:
        if self.open_at == self.closed_at:
            raise ValueError(f"open_at and closed_at are both {self.open_at:g}; give the readings at the two end stops")
        if self.least_closure_share >= 1.0 - self.margin_share:
            raise ValueError(
                f"least_closure_share {self.least_closure_share:g} and margin_share {self.margin_share:g} leave no "
                "room for an object; together they have to be below 1"
            )
        if (self.effort_signal is None) is not (self.effort_min == 0.0):
            raise ValueError("effort_signal and effort_min above 0 belong together; give both or neither")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return self.gripper_signals

    @property
    def gripper_signals(self) -> tuple[str, ...]:
        """Names of those that tell what the gripper does."""
        optional = (self.effort_signal, self.command_signal)
        return (self.signal, *(name for name in optional if name is not None))

    def closure(self, reading: float) -> float:
        """How far the gripper is closed: 0 at `open_at`, 1 at `closed_at`."""
        return (reading - self.open_at) / (self.closed_at - self.open_at)

    def reading(self, closure: float) -> float:
        """What the signal reads at a closure."""
        return self.open_at + closure * (self.closed_at - self.open_at)

    def tracker(self) -> GripperTracker:
        """Make the state machine."""
        limits = GripperLimits(
            margin_share=self.margin_share,
            least_closure_share=self.least_closure_share,
            rest_share=self.rest_share,
            hold_s=self.hold_s,
            opening_share=self.opening_share,
            confirm_s=self.confirm_s,
            effort_lost_s=self.effort_lost_s,
            press_needed=self.effort_signal is not None or self.command_signal is not None,
        )
        return GripperTracker(limits)


class GripperMonitor(Monitor):
    """Reads the signals of a gripper; what follows from its states is said by those that derive from it."""

    def __init__(self, spec: GripperSpec, unit: str) -> None:
        self._gripper_spec = spec
        self._unit = unit
        self._memory = SignalMemory(spec.signals, spec.max_age_s)
        self._gripper = spec.tracker()
        self._heard_ns = 0

    def add_signals(self, sample: SignalSample) -> None:
        """Take the newest reading; of a message without one, what else it tells."""
        self._memory.take(sample)
        reading = sample.values.get(self._gripper_spec.signal)
        if reading is None or not math.isfinite(reading):
            return
        self._heard_ns = sample.stamp_ns
        closure = self._gripper_spec.closure(reading)
        self._gripper.add(sample.stamp_ns, closure, self._presses(closure, sample.stamp_ns))
        self.gripper_moved(sample.stamp_ns)

    def gripper_moved(self, stamp_ns: int) -> None:
        """Called after each reading of the gripper."""

    def blind(self, now_ns: int, names: tuple[str, ...] = ()) -> tuple[Finding, ...]:
        """Say which of some signals, or else of those of the gripper, cannot be believed now; empty where all can."""
        spec = self._gripper_spec
        source, why = self._memory.silence(now_ns, names or spec.gripper_signals)
        if not why:
            return ()
        text = f"{why} What the gripper holds is not known."
        return (spec.finding(Effect.BLIND, text, now_ns, source=source, unit=self._unit),)

    def found(self, effect: Effect, text: str, now_ns: int, onset_ns: int | None = None) -> tuple[Finding, ...]:
        """One finding, with the reading and what it would be at the limit of the closed end stop."""
        spec = self._gripper_spec
        one = spec.finding(
            effect,
            text,
            self._heard_ns if 0 < self._heard_ns <= now_ns else now_ns,
            source=spec.signal,
            onset_ns=onset_ns,
            value=spec.reading(self._gripper.closure),
            limit=spec.reading(1.0 - spec.margin_share),
            unit=self._unit,
        )
        return (one,)

    @property
    def reads(self) -> str:
        """The reading, for a sentence."""
        reading = self._gripper_spec.reading(self._gripper.closure)
        return f"{self._gripper_spec.signal} {reading:.3g} {self._unit}"

    def _presses(self, closure: float, stamp_ns: int) -> bool | None:
        """Whether the gripper presses; None where nothing tells, or what tells is out of date."""
        spec = self._gripper_spec
        presses: bool | None = None
        if spec.effort_signal is not None:
            effort = abs(self._memory.value(spec.effort_signal, stamp_ns))
            if math.isnan(effort):
                return None
            presses = effort >= spec.effort_min
        if spec.command_signal is not None:
            command = self._memory.value(spec.command_signal, stamp_ns)
            if math.isnan(command):
                return None
            presses = presses is not False and spec.closure(command) - closure >= spec.squeeze_share
        return presses
