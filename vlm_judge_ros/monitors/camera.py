"""Layer 0: can a camera be believed?"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.camera_frozen import FrozenImage
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.monitors.camera_picture import Picture
from vlm_judge_ros.monitors.camera_sharpness import Sharpness
from vlm_judge_ros.monitors.camera_statistics import CameraStatistics
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity

RATE_WINDOW_NS = nanoseconds(5.0)


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
        self._timeout_ns = nanoseconds(self._limits.source_timeout_s)
        self._looked_ns = 0
        self._received_ns: int | None = None
        self._fault_ns: int | None = None
        self._last_fault: FrameFault | None = None
        self._still = FrozenImage(self._limits)
        self._picture = Picture(self._limits)
        self._sharpness = Sharpness(self._limits.blurred_share)

    def add(self, frame: Frame, now_ns: int) -> None:
        """Count a frame that is used, whether or not it is looked at.

        Args:
            frame: the frame.
            now_ns: the node clock when it arrived.
        """
        timeout_ns = self._timeout_ns
        if timeout_ns and self._stamps and frame.stamp_ns - self._stamps[-1] > timeout_ns:
            self._restarts += 1
        form = frame.image.form
        if form != self._form:
            if self._form:
                self._form_changes += 1
                self._sharpness.forget()
            self._form = form
        self._used += 1
        self._received_ns = now_ns
        self._stamps.append(frame.stamp_ns)
        while frame.stamp_ns - self._stamps[0] > RATE_WINDOW_NS:
            self._stamps.popleft()

    def look(self, frame: Frame, joint_travels: Mapping[str, float]) -> None:
        """Look at a frame that was counted, and is whole.

        Args:
            frame: the frame.
            joint_travels: how far each joint has travelled so far; tells a frozen camera from a resting robot.
        """
        self._looked_ns = frame.stamp_ns
        self._still.add(frame.thumbnail, frame.stamp_ns, joint_travels)
        self._picture.add(frame.thumbnail, frame.stamp_ns)
        if self._limits.blurred_share and self._picture.shows_something:
            self._sharpness.add(frame.image, frame.stamp_ns)

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
        self._still.restart()
        self._picture.restart()
        self._sharpness.restart()

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

    def findings(self, now_ns: int, joint_travels: Mapping[str, float]) -> tuple[Finding, ...]:
        """Say whether the camera can be believed now: one finding for each reason against it, or one that it sees."""
        looks = (self._silent(now_ns), self._frozen(joint_travels), self._unseeing(), self._blurred())
        against = [finding for finding in looks if finding is not None]
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

    def _frozen(self, joint_travels: Mapping[str, float]) -> Finding | None:
        frozen = self._still.finding(joint_travels)
        if frozen is None:
            return None
        looked_ns = self._looked_ns
        same_s = (looked_ns - frozen.since_ns) * 1e-9
        text = (
            f"Camera {self._name} has shown the same image for {same_s:.1f} s while the joints travelled "
            f"{frozen.joint_travel:.1f} rad; it is frozen, or sees nothing of what the robot does."
        )
        return self._blind(
            "camera_frozen", text, looked_ns, onset_ns=frozen.since_ns, value=same_s, limit=frozen.limit_s
        )

    def _unseeing(self) -> Finding | None:
        if not self._stamps:
            return None
        looked_ns = self._looked_ns
        trouble = self._picture.trouble(looked_ns)
        if trouble is None:
            return None
        lasted_s = (looked_ns - trouble.since_ns) * 1e-9
        text = f"Camera {self._name} {trouble.text} for {lasted_s:.1f} s; {trouble.remedy}."
        return self._blind(
            trouble.name, text, looked_ns, onset_ns=trouble.since_ns, value=lasted_s, limit=trouble.limit_s
        )

    def _blurred(self) -> Finding | None:
        since_ns = self._sharpness.blurred_since_ns
        if since_ns is None or not self._picture.shows_something:
            return None
        looked_ns = self._looked_ns
        blurred_s = (looked_ns - since_ns) * 1e-9
        if blurred_s < self._limits.blurred_s:
            return None
        text = (
            f"Camera {self._name} has been blurred for {blurred_s:.1f} s: edges are {self._sharpness.of_usual:.0%} as "
            "sharp as usual; clean or focus its lens."
        )
        return self._blind(
            "camera_blurred", text, looked_ns, onset_ns=since_ns, value=blurred_s, limit=self._limits.blurred_s
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
