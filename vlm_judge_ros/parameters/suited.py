"""How often a judge is asked and when its answers make a failure, where the parameters leave that to the judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.judges.factory import WATCHES_MOTION
from vlm_judge_ros.parameters.parameter import Value


@dataclass(frozen=True, slots=True)
class Asking:
    """How often a judge is asked and when it is believed that something fails.

    Attributes:
        period_s: seconds between two questions of the timer.
        during_chunks: the timer asks while an announced chunk runs too.
        failure_threshold: from this failure probability on, an answer speaks for a failure.
        failure_hold_s: seconds that such answers in a row have to span.
    """

    period_s: float
    during_chunks: bool
    failure_threshold: float
    failure_hold_s: float


# See docs/safety_stop.md: two sure answers a quarter of a second apart are hardly oftener false than two that lie half
# a second apart, and they come sooner.
_WATCHING = Asking(period_s=0.25, during_chunks=True, failure_threshold=0.95, failure_hold_s=0.15)
_ANY_OTHER = Asking(period_s=1.0, during_chunks=False, failure_threshold=0.9, failure_hold_s=1.8)


def suited(judge: str) -> Asking:
    """What suits a judge, by its name."""
    return _WATCHING if judge in WATCHES_MOTION else _ANY_OTHER


def asking(values: Mapping[str, Value], judge: str) -> Asking:
    """What the parameters of a node say of one of its judges; those that are 0 are as it suits that judge."""
    get: Mapping[str, Any] = values
    own = suited(judge)
    return Asking(
        period_s=get["period_s"] or own.period_s,
        during_chunks=own.during_chunks,
        failure_threshold=get["failure_threshold"] or own.failure_threshold,
        failure_hold_s=get["judge_failure_hold_s"] or own.failure_hold_s,
    )
