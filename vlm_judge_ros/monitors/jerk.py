"""Layer 2: does a joint move in jerks?

Derivatives of neighbouring samples are noise: a thousandth of a rad of it, at 1 kHz, reads as 10^6 rad/s^3. Here the
third derivative is that of a cubic, fitted by least squares to the positions of fixed seconds (a Savitzky-Golay filter,
Analytical Chemistry 36, 1964, for stamps that need not be even). The same noise then reads as about 1 rad/s^3, at 10 Hz
as at 1 kHz. What is shorter than the fit is averaged over it.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.joint_stream import JointMonitorSpec, JointStream
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor
from vlm_judge_ros.monitors.names import FailureModeName

SLOTS_PER_FIT = 10
SAMPLES_PER_SLOT = 5
"""What falls into a tenth of the fit is averaged first, of five samples at most: noise becomes less, and a fit costs
the same at every rate."""

LEAST_COVER = 0.7
"""Share of the fit that has to be covered by samples."""

MOST_FITS = 40
"""How many fits a window may span: more would cost more than they tell."""


class DerivedFrom(str, Enum):
    """What jerk is derived from."""

    POSITION = "position"
    VELOCITY = "velocity"


class Jerk(JointMonitorSpec):
    """The root mean square of a joint's jerk, the third derivative of its position, has to stay below a limit."""

    LAYER: ClassVar[Layer] = Layer.STRUCTURE

    kind: Literal["jerk"]
    max_jerk_rad_s3: float = Field(
        default=30.0,
        gt=0.0,
        le=1e6,
        description="Largest root mean square of jerk within the window, in rad/s^3; m/s^3 for a prismatic joint.",
    )
    window_s: float = Field(default=2.0, ge=0.1, le=60.0, description="Window of the root mean square.")
    fit_s: float = Field(
        default=0.5,
        ge=0.05,
        le=5.0,
        description="Seconds over which jerk is fitted; five samples or more have to fall into them.",
    )
    derived_from: DerivedFrom = Field(
        default=DerivedFrom.POSITION, description="position, or velocity where the robot measures it."
    )
    failure_mode: FailureModeName = Field(default=FailureMode.UNSTABLE, description="Failure mode that it speaks for.")

    @model_validator(mode="after")
    def _has_few_fits_in_its_window(self) -> Jerk:
        if self.window_s > MOST_FITS * self.fit_s:
            raise ValueError(
                f"window_s is {self.window_s:g}; give {MOST_FITS} times fit_s at most, {MOST_FITS * self.fit_s:g}"
            )
        return self

    def make(self, episode: EpisodeContext) -> JerkMonitor:
        """Make the monitor for an episode."""
        return JerkMonitor(self)


class JerkOfMessage:
    """Jerk of the joints that one kind of message carries.

    Args:
        joints: how many there are.
        spec: windows, and what jerk is derived from.
    """

    def __init__(self, joints: int, spec: Jerk) -> None:
        self._order = 3 if spec.derived_from is DerivedFrom.POSITION else 2
        self._fit_s = spec.fit_s
        self._fit_ns = nanoseconds(spec.fit_s)
        self._window_ns = nanoseconds(spec.window_s)
        self._slot_ns = max(1, self._fit_ns // SLOTS_PER_FIT)
        self._slot: int | None = None
        self._count = 0
        self._stamps_ns = 0
        self._sums = [0.0] * joints
        self._points: deque[tuple[int, tuple[float, ...]]] = deque(maxlen=SLOTS_PER_FIT + 2)
        rows = math.ceil(SLOTS_PER_FIT * spec.window_s / spec.fit_s) + 2
        self._row = 0
        self._squares = np.full((rows, joints), np.nan)
        self._squares_ns = np.zeros(rows, np.int64)
        self.rms: NDArray[np.float64] = np.full(joints, np.nan)
        """Root mean square of each joint's jerk within the window; NaN where it is not known."""

    def add(self, stamp_ns: int, values: tuple[float, ...]) -> bool:
        """Take positions or velocities; True where the jerk was fitted anew."""
        slot = stamp_ns // self._slot_ns
        fitted = self._slot is not None and slot != self._slot
        if fitted:
            self._close()
        self._slot = slot
        self._count += 1
        self._stamps_ns += stamp_ns
        self._sums = [total + value for total, value in zip(self._sums, values, strict=True)]
        return fitted

    def _close(self) -> None:
        stamp_ns = self._stamps_ns // self._count
        means = tuple(total / self._count for total in self._sums)
        self._count, self._stamps_ns, self._sums = 0, 0, [0.0] * len(means)
        if self._points and self._points[-1][0] >= stamp_ns:  # the clock went back
            self._points.clear()
        self._points.append((stamp_ns, means))
        while self._points[0][0] < stamp_ns - self._fit_ns:
            self._points.popleft()
        covered_ns = stamp_ns - self._points[0][0]
        if len(self._points) > self._order + 1 and covered_ns >= LEAST_COVER * self._fit_ns:
            with np.errstate(all="ignore"):
                self._squares[self._row] = np.square(self._fit(stamp_ns))
            self._squares_ns[self._row] = stamp_ns
            self._row = (self._row + 1) % len(self._squares)
        self._average(stamp_ns)

    def _fit(self, stamp_ns: int) -> NDArray[np.float64]:
        # Times from -1 to 0, so that the powers are of one size.
        times = np.array([(point_ns - stamp_ns) / self._fit_ns for point_ns, _ in self._points])
        values = np.array([means for _, means in self._points])
        weights = np.linalg.pinv(np.vander(times, self._order + 1, increasing=True))[self._order]
        scale = math.factorial(self._order) / self._fit_s**self._order
        with np.errstate(all="ignore"):
            jerk: NDArray[np.float64] = scale * (weights @ values)
        return jerk

    def _average(self, stamp_ns: int) -> None:
        recent = (self._squares_ns > stamp_ns - self._window_ns) & (self._squares_ns <= stamp_ns)
        known = np.isfinite(self._squares) & recent[:, None]
        with np.errstate(all="ignore"):
            self.rms = np.sqrt(np.where(known, self._squares, 0.0).sum(axis=0) / known.sum(axis=0))


class JerkMonitor(Monitor):
    """Holds the jerk of each joint against the limit."""

    def __init__(self, spec: Jerk) -> None:
        self._spec = spec
        self._stream = JointStream(spec.fit_s / SLOTS_PER_FIT / SAMPLES_PER_SLOT)
        self._messages: dict[tuple[str, ...], tuple[tuple[int, ...], JerkOfMessage]] = {}
        self._worst = (math.nan, "")
        self._since_ns: int | None = None
        self._lacks_velocities = False

    def add_joints(self, sample: JointSample) -> None:
        """Take joint states; what is not finite is not known for as long as it is within the fit."""
        if not self._stream.takes(sample):
            return
        values = sample.positions if self._spec.derived_from is DerivedFrom.POSITION else sample.velocities
        self._lacks_velocities = not values
        if not values:
            return
        known = self._messages.get(sample.names)
        if known is None:
            watched = self._spec.joints or sample.names
            places = tuple(place for place, name in enumerate(sample.names) if name in watched)
            known = self._messages[sample.names] = places, JerkOfMessage(len(places), self._spec)
        places, message = known
        # An infinity would not leave a sum again as NaN does, and warn besides.
        numbers = tuple(values[place] if math.isfinite(values[place]) else math.nan for place in places)
        if places and message.add(sample.stamp_ns, numbers):
            self._weigh(sample.stamp_ns)

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how much the joint jerks that jerks most."""
        spec = self._spec
        limit = spec.max_jerk_rad_s3
        silence = self._stream.silence(now_ns, spec.silent_s, "whether a joint jerks")
        if self._lacks_velocities and not silence:
            silence = "The joint states carry no velocities; write derived_from: position, or publish them."
        if silence:
            return (spec.finding(Effect.BLIND, silence, now_ns, limit=limit, unit="rad/s^3"),)
        jerk, joint = self._worst
        text = f"Joint {joint} jerks by {jerk:.1f} rad/s^3 in {spec.window_s:g} s"
        text += f", more than {limit:g}." if self.alarm else "."
        if math.isnan(jerk):
            text = f"Fewer than {spec.fit_s:g} s of joint states, or fewer than five in them, tell no jerk."
        found = spec.finding(
            Effect.FAILURE if self.alarm else Effect.NEUTRAL,
            text,
            self._stream.stamp_ns(now_ns),
            source=joint,
            onset_ns=self._since_ns,
            value=jerk,
            limit=limit,
            unit="rad/s^3",
        )
        return (found,)

    def _weigh(self, stamp_ns: int) -> None:
        self._worst = max(
            (
                (float(jerk), names[place])
                for names, (places, message) in self._messages.items()
                for place, jerk in zip(places, message.rms, strict=True)
                if jerk == jerk  # NaN is not
            ),
            default=(math.nan, ""),
        )
        self.alarm = self._worst[0] > self._spec.max_jerk_rad_s3
        if not self.alarm:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = stamp_ns - nanoseconds(self._spec.fit_s)
