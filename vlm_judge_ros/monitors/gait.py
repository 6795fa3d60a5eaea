"""What the monitors of a gait have in common: for which share of a window the feet stood."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.feet import FeetMonitor, FeetSpec
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.names import FailureModeName

Stance = tuple[int, int]


class GaitSpec(FeetSpec):
    """How the feet stand and swing, over a window in seconds.

    Contact is that of the contact signals; without these a foot stands where it is at rest on known ground.
    """

    LAYER: ClassVar[Layer] = Layer.STRUCTURE

    failure_mode: FailureModeName = Field(
        default=FailureMode.UNSTABLE, description="Failure mode that it speaks for, for example UNSTABLE."
    )
    window_s: float = Field(default=5.0, gt=0.0, le=120.0, description="Length of the window that is looked at.")


class GaitMonitor(FeetMonitor):
    """Knows when each foot stood within the window.

    Args:
        spec: what is declared.
        limit: what the number of the finding is held against.
    """

    def __init__(self, spec: GaitSpec, limit: float) -> None:
        super().__init__(spec)
        self._limit = limit
        self._window_ns = nanoseconds(spec.window_s)
        self._begun_ns: int | None = None

    def moved(self, stamp_ns: int) -> None:
        """Note since when both feet are known."""
        if self._begun_ns is None and all(foot.place is not None for foot in self._counter.feet):
            self._begun_ns = stamp_ns

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say how the feet stood over the window; until both have stood, that this is not known."""
        blind = self.blind(now_ns)
        if blind:
            return blind
        window = self.window()
        if window is None or window[1] <= window[0]:
            return self.found(Effect.NEUTRAL, "Not both feet have stood yet.", now_ns, math.nan, self._limit, "1")
        return self.findings_over(window, now_ns)

    def findings_over(self, window: Stance, now_ns: int) -> tuple[Finding, ...]:
        """Say how the feet stood over a window that has begun."""
        raise NotImplementedError

    def window(self) -> Stance | None:
        """From when to when the feet were watched, as far as the window reaches; None before both have stood."""
        heard = [foot.newest_ns for foot in self._counter.feet]
        if self._begun_ns is None or heard[0] is None or heard[1] is None:
            return None
        end_ns = min(heard[0], heard[1])
        return max(self._begun_ns, end_ns - self._window_ns), end_ns

    def stances(self, side: int, window: Stance) -> list[Stance]:
        """When a foot stood within the window."""
        begin_ns, end_ns = window
        spans = ((lift, end_ns if land is None else land) for lift, land in self._counter.feet[side].stances())
        return [(max(begin_ns, lift), min(end_ns, land)) for lift, land in spans if land > begin_ns and lift < end_ns]


def seconds(stances: list[Stance]) -> float:
    """How long all of them are together, in seconds."""
    return sum(end - begin for begin, end in stances) * 1e-9


def both(left: list[Stance], right: list[Stance]) -> list[Stance]:
    """When both feet stood."""
    pairs = ((max(one[0], other[0]), min(one[1], other[1])) for one in left for other in right)
    return [(begin, end) for begin, end in pairs if end > begin]


def neither(left: list[Stance], right: list[Stance], window: Stance) -> Iterator[Stance]:
    """When no foot stood within the window, in order."""
    free_ns = window[0]
    for begin_ns, end_ns in sorted((*left, *right)):
        if begin_ns > free_ns:
            yield free_ns, begin_ns
        free_ns = max(free_ns, end_ns)
    if free_ns < window[1]:
        yield free_ns, window[1]
