"""All cameras of a task: which frames are used, what came of the others, and who can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.looking import Looking
from vlm_judge_ros.episode.stamps import StampGuard, StampLimits
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.camera import CameraMonitor
from vlm_judge_ros.monitors.camera_drift import CameraDrift
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.monitors.camera_statistics import CameraStatistics
from vlm_judge_ros.monitors.finding import Finding


class Cameras:
    """Guards the stamps of every camera and watches its health, across episodes."""

    def __init__(self, limits: Mapping[str, CameraLimits], stamps: StampLimits) -> None:
        self._monitors = {name: CameraMonitor(name, of_camera) for name, of_camera in limits.items()}
        self._guards = {name: StampGuard(stamps) for name in limits}
        self._drift = CameraDrift({name: of_camera.drift_s for name, of_camera in limits.items()})
        self._looking = Looking()
        self._seen_ns = dict.fromkeys(limits, 0)

    def __len__(self) -> int:
        """Return the number of cameras."""
        return len(self._monitors)

    @property
    def seen_ns(self) -> Mapping[str, int]:
        """Stamp of the newest frame of each camera that was looked at; 0 before the first."""
        return self._seen_ns

    def is_due(self, frame: Frame) -> bool:
        """Whether it is time to look at a frame.

        Raises:
            JudgeError: the camera is not one of these.
        """
        self._monitor(frame.camera)
        return self._looking.is_due(frame.camera, frame.stamp_ns)

    def look_at_next(self) -> None:
        """Let the next frame of each camera be looked at."""
        self._looking.look_at_next()

    def admit(self, frame: Frame, now_ns: int, joint_travels: Mapping[str, float], look: bool) -> FrameFault | None:
        """Take a frame and count it; return why it is not used, None where it is.

        Args:
            frame: the frame.
            now_ns: the node clock when it arrived.
            joint_travels: how far each joint has travelled so far.
            look: whether it is looked at. Where it is not, damage after its header is not noticed.

        Raises:
            JudgeError: the camera is not one of these.
        """
        monitor = self._monitor(frame.camera)
        damage = frame.damage if look else None
        if damage is not None:
            self._looking.look(frame.camera, frame.stamp_ns, whole=False)
            monitor.reject(damage.fault, now_ns)
            return damage.fault
        fault = self._guards[frame.camera].admit(frame.stamp_ns, now_ns)
        if fault is not None:
            monitor.reject(fault, now_ns)
            return fault
        monitor.add(frame, now_ns)
        if look:
            self._looking.look(frame.camera, frame.stamp_ns)
            self._seen_ns[frame.camera] = frame.stamp_ns
            monitor.look(frame, joint_travels)
        self._drift.add(frame.camera, frame.stamp_ns, now_ns)
        return None

    def reject(self, camera: str, fault: FrameFault, now_ns: int) -> None:
        """Count a frame that could not be read.

        Raises:
            JudgeError: the camera is not one of these.
        """
        self._monitor(camera).reject(fault, now_ns)

    def restart_clock(self) -> None:
        """Forget stamps, after the clock jumped; the counts stay."""
        for name, monitor in self._monitors.items():
            monitor.restart_clock()
            self._guards[name].reset()
        self._drift.restart()
        self._looking = Looking()
        self._seen_ns = dict.fromkeys(self._monitors, 0)

    def findings(self, now_ns: int, joint_travels: Mapping[str, float]) -> tuple[Finding, ...]:
        """Say of each camera whether it can be believed now, and which two drift apart in time."""
        of_cameras = (monitor.findings(now_ns, joint_travels) for monitor in self._monitors.values())
        return (*chain.from_iterable(of_cameras), *self._drift.findings(now_ns))

    def statistics(self, now_ns: int) -> Mapping[str, CameraStatistics]:
        """Return the counts of each camera."""
        return {name: monitor.statistics(now_ns) for name, monitor in self._monitors.items()}

    def _monitor(self, camera: str) -> CameraMonitor:
        monitor = self._monitors.get(camera)
        if monitor is None:
            known = ", ".join(self._monitors)
            raise JudgeError(f"Camera {camera} is not one of {known}; add it to the parameter cameras.")
        return monitor
