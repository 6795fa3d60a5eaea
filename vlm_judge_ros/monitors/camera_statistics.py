"""What came from one camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vlm_judge_ros.episode.fault import FrameFault


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
