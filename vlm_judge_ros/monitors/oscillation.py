"""Layer 2: does a joint swing to and fro?"""

from __future__ import annotations

import math
from collections import deque
from typing import ClassVar, Literal

from pydantic import Field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.joint_stream import LATE_NS, MOST_JOINTS, JointMonitorSpec, JointStream
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor
from vlm_judge_ros.monitors.names import FailureModeName

PERIOD_S = 0.01
"""Positions are looked at a hundred times a second: no joint swings by a hundredth of a rad faster than 50 Hz."""


class Oscillation(JointMonitorSpec):
    """No joint may turn back too often. A turn counts once the joint has come back by the amplitude.

    What is smaller than the amplitude, such as the noise of a sensor, is never a turn, whatever the rate of the joint
    states. A joint that swings at 1.5 Hz turns 3 times a second. Legs that walk swing too: set `joints`, or the limit.
    """

    LAYER: ClassVar[Layer] = Layer.STRUCTURE

    kind: Literal["oscillation"]
    amplitude_rad: float = Field(
        default=0.02,
        gt=0.0,
        le=10.0,
        description="Way back, from peak to trough, from which on it is a turn; m for a prismatic joint.",
    )
    max_reversal_hz: float = Field(default=3.0, gt=0.0, le=100.0, description="Most turns per second that are allowed.")
    window_s: float = Field(default=2.0, ge=0.1, le=60.0, description="Window in which turns are counted.")
    failure_mode: FailureModeName = Field(
        default=FailureMode.OSCILLATION, description="Failure mode that it speaks for."
    )

    def make(self, episode: EpisodeContext) -> OscillationMonitor:
        """Make the monitor for an episode."""
        return OscillationMonitor(self)


class Swing:
    """Finds the turns of one joint.

    Args:
        amplitude: way back that makes a turn.
    """

    __slots__ = ("_amplitude", "_high", "_low", "_rising", "turns_ns")

    def __init__(self, amplitude: float) -> None:
        self.turns_ns: deque[int] = deque()
        self._amplitude = amplitude
        self._low = math.inf
        self._high = -math.inf
        self._rising: bool | None = None

    def add(self, stamp_ns: int, position: float) -> None:
        """Take a finite position."""
        if position > self._high:
            self._high = position
        if position < self._low:
            self._low = position
        if self._rising is not True and position - self._low >= self._amplitude:
            self._turn(stamp_ns, position, rising=True)
        elif self._rising is not False and self._high - position >= self._amplitude:
            self._turn(stamp_ns, position, rising=False)

    def forget(self, before_ns: int, after_ns: int) -> int:
        """Drop turns from outside a window and return how many are left."""
        turns_ns = self.turns_ns
        if turns_ns and turns_ns[-1] > after_ns + LATE_NS:  # the clock went back
            turns_ns.clear()
        while turns_ns and turns_ns[0] < before_ns:
            turns_ns.popleft()
        return len(turns_ns)

    def _turn(self, stamp_ns: int, position: float, *, rising: bool) -> None:
        if self._rising is not None:
            self.turns_ns.append(stamp_ns)
        self._rising = rising
        self._low = self._high = position


class OscillationMonitor(Monitor):
    """Counts the turns of each joint within the window."""

    def __init__(self, spec: Oscillation) -> None:
        self._spec = spec
        self._joints = frozenset(spec.joints)
        self._stream = JointStream(PERIOD_S)
        self._window_ns = nanoseconds(spec.window_s)
        self._most = spec.max_reversal_hz * spec.window_s
        self._swings: dict[str, Swing] = {}
        self._since_ns: int | None = None

    def add_joints(self, sample: JointSample) -> None:
        """Take joint states; positions that are not finite are passed over."""
        if not self._stream.takes(sample):
            return
        stamp_ns = sample.stamp_ns
        for name, position in zip(sample.names, sample.positions, strict=True):
            if not math.isfinite(position) or (self._joints and name not in self._joints):
                continue
            swing = self._swings.get(name)
            if swing is None:
                if len(self._swings) >= MOST_JOINTS:
                    continue
                swing = self._swings[name] = Swing(self._spec.amplitude_rad)
            swing.add(stamp_ns, position)
        turns, _ = self._worst(stamp_ns)
        self.alarm = turns > self._most
        if not self.alarm:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = stamp_ns - self._window_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how often the joint that swings most turns."""
        spec = self._spec
        limit = spec.max_reversal_hz
        silence = self._stream.silence(now_ns, spec.silent_s, "whether a joint swings")
        if silence:
            return (spec.finding(Effect.BLIND, silence, now_ns, limit=limit, unit="Hz"),)
        stamp_ns = self._stream.stamp_ns(now_ns)
        turns, joint = self._worst(stamp_ns)
        rate_hz = turns / spec.window_s
        text = f"No joint turned back by {spec.amplitude_rad:g} rad in {spec.window_s:g} s."
        if turns:
            text = f"Joint {joint} turned back {rate_hz:.1f} times a second in {spec.window_s:g} s"
            text += f", more than {limit:g}." if self.alarm else "."
        effect = Effect.FAILURE if self.alarm else Effect.NEUTRAL
        onset_ns = self._since_ns if self.alarm else None
        found = spec.finding(
            effect, text, stamp_ns, source=joint, onset_ns=onset_ns, value=rate_hz, limit=limit, unit="Hz"
        )
        return (found,)

    def _worst(self, stamp_ns: int) -> tuple[int, str]:
        before_ns = stamp_ns - self._window_ns
        worst, joint = 0, ""
        for name, swing in self._swings.items():
            if swing.turns_ns:
                turns = swing.forget(before_ns, stamp_ns)
                if turns > worst:
                    worst, joint = turns, name
        return worst, joint
