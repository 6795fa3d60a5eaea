"""What monitors of joints share: which joints they watch, how often they look, and that silence is noticed."""

from __future__ import annotations

from pydantic import Field

from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.monitor import MonitorSpec

LATE_NS = nanoseconds(1.0)
MOST_MESSAGES = 64
MOST_JOINTS = 256


class JointMonitorSpec(MonitorSpec):
    """Monitors that watch joint states.

    Attributes:
        joints: names of the joints to watch; empty for all.
        silent_s: silence of the joint states longer than this blinds the monitor; 0 for never.
    """

    joints: tuple[str, ...] = Field(default=(), max_length=MOST_JOINTS, description="Joints to watch. Empty: all.")
    silent_s: float = Field(
        default=1.0,
        ge=0.0,
        le=3600.0,
        description="Joint states silent for longer than this make the verdict UNKNOWN. 0: never.",
    )


class JointStream:
    """Thins joint states to one per period, because what is looked for is slower than the fastest drivers publish.

    Messages with different joints are thinned apart. Late ones are passed over; one that lies back by more than a
    second is a new start.

    Args:
        period_s: seconds between two samples that are looked at.
    """

    def __init__(self, period_s: float) -> None:
        self._period_ns = nanoseconds(period_s)
        self._late = LATE_NS // self._period_ns
        self._periods: dict[tuple[str, ...], int] = {}
        self._newest_ns: int | None = None

    def takes(self, sample: JointSample) -> bool:
        """Tell whether a sample is to be looked at."""
        period = sample.stamp_ns // self._period_ns
        last = self._periods.get(sample.names)
        if last is None:
            if not sample.names or len(self._periods) >= MOST_MESSAGES:
                return False
        elif last - self._late <= period <= last:
            return False
        self._periods[sample.names] = period
        self._newest_ns = sample.stamp_ns
        return True

    def silence(self, now_ns: int, silent_s: float, unknown: str) -> str:
        """Say in one sentence that no joint state came, or no longer comes; empty where they do.

        Args:
            now_ns: the node clock.
            silent_s: longest age of the newest one; 0 for any.
            unknown: what is not known for it, as "whether the robot moves".
        """
        if self._newest_ns is None:
            return f"No joint state has been received, so it is not known {unknown}."
        age_s = (now_ns - self._newest_ns) * 1e-9
        if 0.0 < silent_s < age_s:
            return f"The newest joint state is {age_s:.1f} s old, so it is not known {unknown}."
        return ""

    def stamp_ns(self, now_ns: int) -> int:
        """Stamp of the newest sample, or the clock where there is none or it lies in the future."""
        return self._newest_ns if self._newest_ns is not None and 0 < self._newest_ns <= now_ns else now_ns
