"""How often and how long something has to be said before it counts."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Finding, Layer

Voice = tuple[Layer, str, str]
"""Who says something: layer, name and source of its findings."""


@dataclass(frozen=True, slots=True)
class DebounceLimits:
    """How often and how long something has to be said before it counts.

    Attributes:
        failure_count: observations in a row that make a failure.
        failure_hold_s: seconds that they have to span.
        judge_hold_s: seconds that they have to span where they are answers of a judge.
        recovery_count: answers of the judge in a row, without any failure, that heal one.
        recovery_hold_s: seconds that they have to span.

    Raises:
        JudgeError: a number is out of range.
    """

    failure_count: int = 2
    failure_hold_s: float = 0.8
    recovery_count: int = 3
    recovery_hold_s: float = 1.5
    judge_hold_s: float = 0.8

    def __post_init__(self) -> None:
        for name in ("failure_hold_s", "recovery_hold_s", "judge_hold_s"):
            value = getattr(self, name)
            if not 0.0 <= value <= 3600.0:
                raise JudgeError(f"{name} is {value}; give seconds from 0 to 3600.")
        for name in ("failure_count", "recovery_count"):
            value = getattr(self, name)
            if not 1 <= value <= 1000:
                raise JudgeError(f"{name} is {value}; give a count from 1 to 1000.")


@dataclass(frozen=True, slots=True)
class Run:
    """Observations in a row that say the same: how many, the first and the last stamp."""

    count: int
    since_ns: int
    last_ns: int

    def held(self, count: int, hold_s: float) -> bool:
        """Tell whether there are enough observations over a long enough time."""
        return self.count >= count and self.last_ns - self.since_ns >= nanoseconds(hold_s)

    def fails(self, limits: DebounceLimits, judged: bool) -> bool:
        """Tell whether it is enough to confirm a failure, which a judge has found or a fast layer."""
        return self.held(limits.failure_count, limits.judge_hold_s if judged else limits.failure_hold_s)

    def heals(self, limits: DebounceLimits) -> bool:
        """Tell whether it is enough to heal a failure."""
        return self.held(limits.recovery_count, limits.recovery_hold_s)


def longer(run: Run | None, stamp_ns: int) -> Run:
    """Return a run with one more observation; one that is no newer than its last changes nothing."""
    if run is None:
        return Run(1, stamp_ns, stamp_ns)
    return Run(run.count + 1, run.since_ns, stamp_ns) if stamp_ns > run.last_ns else run


def voice_of(finding: Finding) -> Voice:
    """Tell who says it."""
    return (finding.layer, finding.name, finding.source)
