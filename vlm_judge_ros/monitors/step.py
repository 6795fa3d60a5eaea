"""Layer 4: has the robot made real steps?"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.feet import FeetMonitor, FeetSpec
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.pelvis import PelvisHeight
from vlm_judge_ros.monitors.steps import Step, StepLimits

# The pelvis hardly moves in a step that is too short to count; its direction is then noise.
LEAST_TRAVEL_M = 0.02


class SteppingSpec(FeetSpec):
    """What makes a real step, and where ahead is: one of yaw, heading_rad and pelvis."""

    LAYER: ClassVar[Layer] = Layer.EVENT
    GIVES: ClassVar[tuple[Effect, ...]] = (Effect.SUCCESS,)

    held_s: float = Field(default=0.06, ge=0.0, le=10.0, description="How long the foot is lifted by lift_m.")
    ahead_m: float = Field(default=0.06, gt=0.0, le=5.0, description="How far ahead of where it lifted the foot lands.")
    support_share: float = Field(
        default=0.5, gt=0.0, le=1.0, description="Share of that time for which the other foot stands."
    )
    yaw: str | None = Field(default=None, description="Signal of the heading of the pelvis about the vertical, in rad.")
    heading_rad: float | None = Field(
        default=None, ge=-6.3, le=6.3, description="Heading of the walk about the vertical, from the x axis."
    )
    pelvis: tuple[str, str] | None = Field(
        default=None, description="Signals of x and y of the pelvis, in m: ahead is where it moves, even backward."
    )
    pelvis_height: str | None = Field(default=None, description="Signal of the height z of the pelvis, in m.")
    pelvis_drop_m: float = Field(
        default=0.1,
        gt=0.0,
        le=2.0,
        description="How far the pelvis may sink towards the lower foot, against its start.",
    )

    @model_validator(mode="after")
    def _knows_ahead(self) -> SteppingSpec:
        given = [name for name in ("yaw", "heading_rad", "pelvis") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of yaw, heading_rad and pelvis, and not {', '.join(given) or 'none'}")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        others = (self.yaw, *(self.pelvis or ()), self.pelvis_height)
        return (*super().signals, *(name for name in others if name is not None))

    @property
    def step_limits(self) -> StepLimits:
        """What makes a step."""
        return StepLimits(self.lift_m, self.held_s, self.ahead_m, self.support_share, self.max_age_s)


class SteppingMonitor(FeetMonitor):
    """Counts the steps of a robot that is upright."""

    def __init__(self, spec: SteppingSpec) -> None:
        super().__init__(spec)
        self._stepping = spec
        self.count = 0
        self._height = PelvisHeight()
        self._places = [(math.nan, math.nan), (math.nan, math.nan)]

    def add_signals(self, sample: SignalSample) -> None:
        """Take what a message tells of feet and pelvis."""
        super().add_signals(sample)
        name = self._stepping.pelvis_height
        if name is not None and name in sample.values:
            self._height.add(sample.stamp_ns, self._memory.value(name, sample.stamp_ns), self._counter.feet)

    @property
    def upright(self) -> bool:
        """Whether the pelvis is about as high above the feet as at the start, or nothing tells."""
        return self._stepping.pelvis_height is None or self._height.drop_m <= self._stepping.pelvis_drop_m

    def heading_rad(self, side: int, stamp_ns: int, lifts: bool) -> float:
        """Where ahead is for a foot, which may lift just then; NaN where that is not known."""
        spec = self._stepping
        if spec.heading_rad is not None:
            return spec.heading_rad
        if spec.yaw is not None:
            return self._memory.value(spec.yaw, stamp_ns)
        assert spec.pelvis is not None
        x, y = (self._memory.value(name, stamp_ns) for name in spec.pelvis)
        if lifts:
            self._places[side] = (x, y)
        begin_x, begin_y = self._places[side]
        if not math.hypot(x - begin_x, y - begin_y) >= LEAST_TRAVEL_M:
            return math.nan
        return math.atan2(y - begin_y, x - begin_x)

    def stepped(self, step: Step) -> None:
        """Count it, unless the robot is falling."""
        if self.upright:
            self.count += 1
            self.counted(step)

    def counted(self, step: Step) -> None:
        """Called for each step that counts."""


class RealStep(SteppingSpec):
    """A foot is lifted, and lands ahead while the other one stands. Speaks for success after enough of that."""

    kind: Literal["step"]
    least_steps: int = Field(default=1, ge=1, le=100000, description="How many steps it takes.")

    def make(self, episode: EpisodeContext) -> StepMonitor:
        """Make the monitor for an episode."""
        return StepMonitor(self)


class StepMonitor(SteppingMonitor):
    """Says how many steps there were."""

    def __init__(self, spec: RealStep) -> None:
        super().__init__(spec)
        self._spec = spec
        self._enough_ns: int | None = None

    def counted(self, step: Step) -> None:
        """Note when there were enough."""
        if self.count == self._spec.least_steps:
            self._enough_ns = step.land_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how many steps there were."""
        blind = self.blind(now_ns)
        if blind:
            return blind
        least = self._spec.least_steps
        effect = Effect.SUCCESS if self.count >= least else Effect.NEUTRAL
        text = f"The robot has made {self.count} of {least} steps."
        return self.found(effect, text, now_ns, float(self.count), float(least), "1", self._enough_ns)
