"""What one layer observed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from vlm_judge_ros.episode.failure_mode import FailureMode


class Layer(IntEnum):
    """The layers of evidence; values equal the constants `LAYER_*` of `vlm_judge_ros/msg/Finding`."""

    HEALTH = 0
    THRESHOLD = 1
    STRUCTURE = 2
    JUDGE = 3
    EVENT = 4


class Effect(IntEnum):
    """What a finding speaks for; values equal the constants `EFFECT_*` of `vlm_judge_ros/msg/Finding`."""

    NEUTRAL = 0
    SUCCESS = 1
    FAILURE = 2
    BLIND = 3
    STALL = 4
    REGRESS = 5


class Severity(IntEnum):
    """How bad it is; values equal the constants `SEVERITY_*` of `vlm_judge_ros/msg/Finding`."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation of one layer, with its number, limit and unit where it has one.

    Attributes:
        layer: which layer observed it.
        name: what was observed, in snake case.
        source: the camera, signal or model it was observed on; empty for the whole episode.
        effect: what it speaks for.
        text: one sentence for a person.
        stamp_ns: when it was observed.
        onset_ns: since when it holds; None where that is not known.
        severity: how bad it is.
        mode: the failure mode it speaks for; NONE unless `effect` is FAILURE.
        value: the measured value in `unit`; NaN where there is none.
        limit: what the value is held against, in `unit`; NaN where there is none.
        unit: SI unit of value and limit; "1" for none.
    """

    layer: Layer
    name: str
    source: str
    effect: Effect
    text: str
    stamp_ns: int
    onset_ns: int | None = None
    severity: Severity = Severity.INFO
    mode: FailureMode = FailureMode.NONE
    value: float = math.nan
    limit: float = math.nan
    unit: str = "1"
