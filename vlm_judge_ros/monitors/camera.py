"""Layer 0: can a camera be believed?"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity

RATE_WINDOW_NS = nanoseconds(5.0)


@dataclass(frozen=True, slots=True)
class CameraLimits:
    """When a camera counts as blind.

    Attributes:
        source_timeout_s: longest age of the newest frame against the node clock. 0 switches the check off.
        frozen_s: identical images for this long while the joints move are a frozen camera. 0 switches the check off.
        frozen_joint_travel: how far the joints have to travel meanwhile, all together, in rad (m for prismatic ones).
        black_level: an image with no brighter spot than this, 0 to 255, is black. -1 switches the check off.
        black_s: black for this long is a covered or dead camera.

    Raises:
        JudgeError: a number is out of range.
    """

    source_timeout_s: float = 2.0
    frozen_s: float = 2.0
    frozen_joint_travel: float = 0.2
    black_level: int = 8
    black_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("source_timeout_s", "frozen_s", "frozen_joint_travel", "black_s"):
            value = getattr(self, name)
            if not 0.0 <= value <= 3600.0:
                raise JudgeError(f"{name} is {value}; give a number from 0 to 3600.")


@dataclass(frozen=True, slots=True)
class CameraStatistics:
    """What came from one camera since the node started.

    Attributes:
        received: frames that arrived, whatever became of them.
        used: frames that passed every check.
        faults: number of unused frames by reason; reasons that never occurred are left out.
        newest_ns: stamp of the newest frame that was used; None before the first.
        rate_hz: frames used per second, over the last 5 s of stamps; 0 where fewer than two came, or the newest is old.
        age_s: node clock minus newest stamp; None before the first frame.
        form: size and encoding of the newest frame; empty before the first.
        form_changes: how often size or encoding changed.
        restarts: how often frames came again after a silence longer than the source timeout.
    """

    received: int
    used: int
    faults: Mapping[FrameFault, int]
    newest_ns: int | None
    rate_hz: float
    age_s: float | None
    form: str
    form_changes: int
    restarts: int

    @property
    def lost(self) -> int:
        """Frames that arrived and were not used."""
        return self.received - self.used


class CameraMonitor:
    """Watches one camera from the start of the node to its end, across episodes."""

    def __init__(self, name: str, limits: CameraLimits | None = None) -> None:
        self._name = name
        self._limits = limits or CameraLimits()
        self._used = 0
        self._faults: Counter[FrameFault] = Counter()
        self._stamps: deque[int] = deque(maxlen=1024)
        self._form = ""
        self._form_changes = 0
        self._restarts = 0
        self._received_ns: int | None = None
        self._fault_ns: int | None = None
        self._last_fault: FrameFault | None = None
        self._same_since_ns: int | None = None
        self._same_travel = 0.0
        self._black_since_ns: int | None = None
        self._thumbnail: NDArray[np.uint8] | None = None

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest frame that was used; None before the first."""
        return self._stamps[-1] if self._stamps else None

    def add(self, frame: Frame, now_ns: int, joint_travel: float) -> None:
        """Count a frame that is used.

        Args:
            frame: the frame.
            now_ns: the node clock when it arrived.
            joint_travel: how far the joints have travelled so far, all together; tells a frozen camera from a resting
                robot.
        """
        timeout_ns = nanoseconds(self._limits.source_timeout_s)
        if timeout_ns and self._stamps and frame.stamp_ns - self._stamps[-1] > timeout_ns:
            self._restarts += 1
        if self._form and frame.image.form != self._form:
            self._form_changes += 1
        self._form = frame.image.form
        self._used += 1
        self._received_ns = now_ns
        self._stamps.append(frame.stamp_ns)
        while frame.stamp_ns - self._stamps[0] > RATE_WINDOW_NS:
            self._stamps.popleft()
        if self._thumbnail is None or not np.array_equal(self._thumbnail, frame.thumbnail):
            self._same_since_ns = frame.stamp_ns
            self._same_travel = joint_travel
        self._thumbnail = frame.thumbnail
        if int(frame.thumbnail.max()) > self._limits.black_level:
            self._black_since_ns = None
        elif self._black_since_ns is None:
            self._black_since_ns = frame.stamp_ns

    def reject(self, fault: FrameFault, now_ns: int) -> None:
        """Count a frame that cannot be used."""
        self._faults[fault] += 1
        self._last_fault = fault
        self._fault_ns = now_ns

    def restart_clock(self) -> None:
        """Forget stamps, after the clock jumped; the counts stay."""
        self._stamps.clear()
        self._received_ns = None
        self._fault_ns = None
        self._same_since_ns = None
        self._black_since_ns = None
        self._thumbnail = None

    def statistics(self, now_ns: int) -> CameraStatistics:
        """Return the counts, and rate and age at the given time of the node clock."""
        newest_ns = self._stamps[-1] if self._stamps else None
        age_ns = None if newest_ns is None else now_ns - newest_ns
        rate_hz = 0.0
        if len(self._stamps) > 1 and age_ns is not None and age_ns <= RATE_WINDOW_NS:
            rate_hz = (len(self._stamps) - 1) * 1e9 / (self._stamps[-1] - self._stamps[0])
        return CameraStatistics(
            received=self._used + sum(self._faults.values()),
            used=self._used,
            faults=dict(self._faults),
            newest_ns=newest_ns,
            rate_hz=rate_hz,
            age_s=None if age_ns is None else age_ns * 1e-9,
            form=self._form,
            form_changes=self._form_changes,
            restarts=self._restarts,
        )

    def findings(self, now_ns: int, joint_travel: float) -> tuple[Finding, ...]:
        """Say whether the camera can be believed now: one finding for each reason against it, or one that it sees."""
        against = [
            finding
            for finding in (self._silent(now_ns), self._frozen(joint_travel), self._black())
            if finding is not None
        ]
        if against:
            return tuple(against)
        newest_ns = self._stamps[-1]
        return (
            Finding(
                Layer.HEALTH,
                "camera_fresh",
                self._name,
                Effect.NEUTRAL,
                f"Camera {self._name} is seen.",
                newest_ns,
                value=(now_ns - newest_ns) * 1e-9,
                limit=self._limits.source_timeout_s,
                unit="s",
            ),
        )

    def _silent(self, now_ns: int) -> Finding | None:
        limit_s = self._limits.source_timeout_s
        if not self._stamps:
            return self._blind(
                "camera_silent", f"Camera {self._name} has sent no usable frame yet{self._why(now_ns)}.", now_ns
            )
        newest_ns = self._stamps[-1]
        age_s = (now_ns - newest_ns) * 1e-9
        if not limit_s or age_s <= limit_s:
            return None
        heard_s = (now_ns - (self._received_ns or newest_ns)) * 1e-9
        if heard_s <= limit_s:
            name = "camera_late"
            text = (
                f"Frames of camera {self._name} arrive {age_s:.1f} s after their stamps; synchronise the clocks, "
                "or set use_sim_time where a bag is played."
            )
        else:
            name = "camera_silent"
            text = f"Camera {self._name} has been silent for {age_s:.1f} s{self._why(now_ns)}."
        return self._blind(name, text, now_ns, onset_ns=newest_ns, value=age_s, limit=limit_s)

    def _why(self, now_ns: int) -> str:
        recently_ns = nanoseconds(max(self._limits.source_timeout_s, 1.0))
        if self._last_fault is None or self._fault_ns is None or now_ns - self._fault_ns > recently_ns:
            return ""
        return f": its frames are broken ({self._last_fault.value})"

    def _frozen(self, joint_travel: float) -> Finding | None:
        if self._same_since_ns is None or not self._limits.frozen_s:
            return None
        newest_ns = self._stamps[-1]
        same_s = (newest_ns - self._same_since_ns) * 1e-9
        if same_s < self._limits.frozen_s or joint_travel - self._same_travel < self._limits.frozen_joint_travel:
            return None
        text = f"Camera {self._name} has shown the same image for {same_s:.1f} s while the joints moved."
        return self._blind(
            "camera_frozen", text, newest_ns, onset_ns=self._same_since_ns, value=same_s, limit=self._limits.frozen_s
        )

    def _black(self) -> Finding | None:
        if self._black_since_ns is None:
            return None
        newest_ns = self._stamps[-1]
        black_s = (newest_ns - self._black_since_ns) * 1e-9
        if black_s < self._limits.black_s:
            return None
        text = f"Camera {self._name} has been black for {black_s:.1f} s; uncover it or switch on the light."
        return self._blind(
            "camera_black", text, newest_ns, onset_ns=self._black_since_ns, value=black_s, limit=self._limits.black_s
        )

    def _blind(
        self,
        name: str,
        text: str,
        stamp_ns: int,
        onset_ns: int | None = None,
        value: float = float("nan"),
        limit: float = float("nan"),
    ) -> Finding:
        return Finding(
            Layer.HEALTH,
            name,
            self._name,
            Effect.BLIND,
            text,
            stamp_ns,
            onset_ns=onset_ns,
            severity=Severity.ERROR,
            value=value,
            limit=limit,
            unit="s",
        )
