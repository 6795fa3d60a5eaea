"""Layer 2: is the robot told to move, and does not?"""

from __future__ import annotations

import math
from enum import Enum
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.joint_stream import JointMonitorSpec, JointStream
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor
from vlm_judge_ros.monitors.names import FailureModeName
from vlm_judge_ros.monitors.stillness import ImageChange, JointTravel

PERIOD_S = 0.01
"""Positions are looked at a hundred times a second: what is asked is how far they get in seconds."""


class CommandedBy(str, Enum):
    """What tells that the robot is to move."""

    CHUNK = "chunk"
    SIGNAL = "signal"
    ALWAYS = "always"


class Stall(JointMonitorSpec):
    """The robot is told to move and neither its joints nor the images of its cameras do.

    A standstill as long as the window is reported as a stall, which fails nothing; one of `failure_s` is a failure. A
    robot that rests because the gate has found the task complete, or the policy said so, does not stall.
    """

    LAYER: ClassVar[Layer] = Layer.STRUCTURE
    GIVES: ClassVar[tuple[Effect, ...]] = (Effect.STALL, Effect.FAILURE)

    kind: Literal["stall"]
    commanded_by: CommandedBy = Field(
        default=CommandedBy.CHUNK,
        description="chunk: while an announced action chunk is executed; signal: while command_signal is far enough "
        "from 0; always: from the start of the episode to its end.",
    )
    command_signal: str = Field(
        default="", description="Declared signal that tells the command, for example norm(velocity) of a controller."
    )
    command_level: float = Field(
        default=0.0, ge=0.0, description="Size from which on the signal is a command, in the unit of the signal."
    )
    command_hold_s: float = Field(
        default=1.0,
        ge=0.0,
        le=60.0,
        description="How long a command still counts after its chunk, or after the message of its signal.",
    )
    window_s: float = Field(
        default=2.0,
        ge=0.1,
        le=60.0,
        description="Standstill that is reported as a stall; above the longest pause of a good run.",
    )
    failure_s: float = Field(default=10.0, gt=0.0, le=3600.0, description="Standstill that is a failure.")
    joint_travel_rad: float = Field(
        default=0.04,
        gt=0.0,
        le=10.0,
        description="A joint that gets farther than this within the window moves; m for a prismatic joint.",
    )
    image_share: float = Field(
        default=0.1,
        gt=0.0,
        le=1.0,
        description="Where more of the image of a camera than this changes within the window, something moves. 1: "
        "images are not asked.",
    )
    cameras: tuple[str, ...] = Field(default=(), description="Cameras that are asked. Empty: all.")
    failure_mode: FailureModeName = Field(default=FailureMode.STALL, description="Failure mode that it speaks for.")

    @model_validator(mode="after")
    def _is_told_what_commands(self) -> Stall:
        if (self.commanded_by is CommandedBy.SIGNAL) != bool(self.command_signal):
            raise ValueError("command_signal goes with commanded_by: signal; give both or neither")
        if self.command_signal and self.command_level == 0.0:
            raise ValueError("command_level is 0, which any value reaches; give one above the noise of command_signal")
        if self.failure_s < self.window_s:
            raise ValueError(f"failure_s is {self.failure_s:g}; it must not be below window_s, {self.window_s:g}")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return (self.command_signal,) if self.command_signal else ()

    def make(self, episode: EpisodeContext) -> StallMonitor:
        """Make the monitor for an episode."""
        return StallMonitor(self, episode)


class StallMonitor(Monitor):
    """Holds what was commanded against what moved."""

    def __init__(self, spec: Stall, episode: EpisodeContext) -> None:
        self._spec = spec
        self._stream = JointStream(PERIOD_S)
        self._travel = JointTravel(spec.window_s, spec.joints)
        cameras = () if spec.image_share >= 1.0 else spec.cameras or episode.cameras
        self._images = {camera: ImageChange(spec.window_s) for camera in cameras}
        self._hold_ns = nanoseconds(spec.command_hold_s)
        self._window_ns = nanoseconds(spec.window_s)
        self._failure_ns = nanoseconds(spec.failure_s)
        always = spec.commanded_by is CommandedBy.ALWAYS
        self._commanded_since_ns: float = episode.started_ns
        self._commanded_until_ns: float = math.inf if always else -math.inf
        self._complete = False
        self._farthest = (math.nan, "")
        self._seen = (math.nan, "")
        self._weighed_ns = 0
        self._still_since_ns: int | None = None

    def add_signals(self, sample: SignalSample) -> None:
        """Take the signal that tells the command."""
        if abs(sample.values.get(self._spec.command_signal, math.nan)) >= self._spec.command_level:
            self._command(sample.stamp_ns, max(sample.stamp_ns + self._hold_ns, self._commanded_until_ns))

    def add_chunk(self, chunk: Chunk) -> None:
        """Take a chunk: the robot is to move while it is executed, unless it is the last one."""
        if self._spec.commanded_by is CommandedBy.CHUNK:
            self._command(chunk.stamp_ns, chunk.stamp_ns if chunk.declares_done else chunk.end_ns + self._hold_ns)

    def add_joints(self, sample: JointSample) -> None:
        """Take joint states."""
        if self._stream.takes(sample) and self._travel.add(sample):
            self._weigh(sample.stamp_ns)

    def add_frame(self, frame: Frame) -> None:
        """Take a frame."""
        change = self._images.get(frame.camera)
        if change is not None:
            change.add(frame)

    def add_completion(self, complete: bool) -> None:
        """Take whether the gate finds the task complete; then standing still is right."""
        self._complete = complete
        if complete:
            self._still_since_ns, self.alarm = None, False

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say whether the robot stalls now."""
        spec = self._spec
        silence = self._stream.silence(now_ns, spec.silent_s, "whether the robot moves")
        if silence:
            blind = spec.finding(Effect.BLIND, silence, now_ns, limit=spec.joint_travel_rad, unit="rad")
            return (blind,)
        effect, text = self._say(self._stream.stamp_ns(now_ns))
        travel, joint = self._farthest
        found = spec.finding(
            effect,
            text,
            self._stream.stamp_ns(now_ns),
            source=joint,
            onset_ns=None if effect is Effect.NEUTRAL else self._still_since_ns,
            value=travel,
            limit=spec.joint_travel_rad,
            unit="rad",
        )
        return (found,)

    def _command(self, from_ns: int, until_ns: float) -> None:
        if from_ns > self._commanded_until_ns:
            self._commanded_since_ns = from_ns
        self._commanded_until_ns = until_ns

    def _commanded(self, stamp_ns: int) -> bool:
        """Whether the robot was to move for as long as the window."""
        return stamp_ns <= self._commanded_until_ns and stamp_ns - self._commanded_since_ns >= self._window_ns

    def _weigh(self, stamp_ns: int) -> None:
        spec = self._spec
        self._weighed_ns = stamp_ns
        self._farthest = self._travel.farthest()
        shares = [(change.share(stamp_ns), camera) for camera, change in self._images.items()]
        # One camera that is not known makes it unknown whether anything is seen to move.
        unknown = [seen for seen in shares if math.isnan(seen[0])]
        self._seen = unknown[0] if unknown else max(shares, default=(0.0, ""))
        joints_rest = self._travel.covered and self._farthest[0] <= spec.joint_travel_rad
        images_rest = self._seen[0] <= spec.image_share
        if not (joints_rest and images_rest and self._commanded(stamp_ns)) or self._complete:
            self._still_since_ns = None
        elif self._still_since_ns is None or self._still_since_ns > stamp_ns:
            self._still_since_ns = stamp_ns - self._window_ns
        since_ns = self._still_since_ns
        self.alarm = since_ns is not None and stamp_ns - since_ns >= self._failure_ns

    def _say(self, stamp_ns: int) -> tuple[Effect, str]:
        spec = self._spec
        travel, joint = self._farthest
        if self._still_since_ns is not None:
            still_s = (self._weighed_ns - self._still_since_ns) * 1e-9
            text = f"The robot is told to move and has not for {still_s:.1f} s: joint {joint} by {travel:.3f} rad"
            if self._images:
                text += f", the image of camera {self._seen[1]} by {self._seen[0]:.1%}"
            return (Effect.FAILURE if self.alarm else Effect.STALL), f"{text} in {spec.window_s:g} s."
        if self._complete:
            return Effect.NEUTRAL, "The task is complete, so the robot may rest."
        if stamp_ns > self._commanded_until_ns:
            return Effect.NEUTRAL, "Nothing tells the robot to move, so it may rest."
        if math.isnan(travel):
            return Effect.NEUTRAL, f"No joint was watched for {spec.window_s:g} s yet."
        text = f"Joint {joint} moved most, by {travel:.3f} rad in {spec.window_s:g} s"
        share, camera = self._seen
        if self._images and math.isnan(share):
            text += f"; camera {camera} sent too few frames to tell motion"
        elif self._images:
            text += f"; camera {camera} saw {share:.1%} of its image change"
        return Effect.NEUTRAL, f"{text}."
