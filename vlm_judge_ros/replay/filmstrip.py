"""Which pictures of an episode a person is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlm_judge_ros.replay.chart import marks
from vlm_judge_ros.replay.trace import EpisodeTrace, Shot

SPREAD = 8
"""Pictures per camera that are shown side by side, beside those at marked moments."""

FINE = 32
"""Moments at which a person can stop the film."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What all cameras saw at one time.

    Attributes:
        time_s: the moment.
        kinds: why it is marked, as `chart.Mark.kind`; empty where it is only one of the spread.
        shown: True in the strip; False only when somebody stops the film there.
        pictures: per camera the newest shot that is not later, or its first one; None where it has none.
    """

    time_s: float
    kinds: tuple[str, ...]
    shown: bool
    pictures: Mapping[str, Shot | None]


def filmstrip(trace: EpisodeTrace, spread: int = SPREAD, fine: int = FINE) -> tuple[Moment, ...]:
    """Choose moments spread evenly over the seconds of the episode, and every marked one."""
    marked: dict[float, list[str]] = {}
    for mark in marks(trace):
        marked.setdefault(mark.time_s, []).append(mark.kind)
    chosen: dict[float, tuple[tuple[str, ...], bool]] = {
        time_s: (tuple(kinds), True) for time_s, kinds in marked.items()
    }
    for time_s in _even(trace.duration_s, spread):
        if _apart(time_s, list(chosen), trace.duration_s / spread / 3):
            chosen[time_s] = ((), True)
    for time_s in _even(trace.duration_s, fine):
        if _apart(time_s, list(chosen), trace.duration_s / fine / 2):
            chosen[time_s] = ((), False)
    return tuple(
        Moment(time_s, *chosen[time_s], {camera: _seen(trace.shots, camera, time_s) for camera in trace.cameras})
        for time_s in sorted(chosen)
    )


def _even(duration_s: float, count: int) -> list[float]:
    return [duration_s * index / (count - 1) for index in range(count)]


def _apart(time_s: float, others: Sequence[float], gap_s: float) -> bool:
    return all(abs(time_s - other) > gap_s for other in others)


def _seen(shots: Sequence[Shot], camera: str, time_s: float) -> Shot | None:
    own = [shot for shot in shots if shot.camera == camera]
    earlier = [shot for shot in own if shot.time_s <= time_s + 1e-6]
    if earlier:
        return earlier[-1]
    return own[0] if own else None
