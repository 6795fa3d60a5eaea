"""What the answers of a judge look like in successful episodes, and how far out of that an episode may go."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from itertools import pairwise
from typing import Annotated

import numpy as np
import pydantic
from numpy.typing import NDArray

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)
_Share = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]
_MOST = 1e6

Floats = NDArray[np.float64]


class Signal(str, Enum):
    """What of an answer is held against the band; the larger, the worse.

    FAILURE is the failure probability. PROGRESS is how little there is: minus the raw score where the method has one,
    else minus the judge's own progress, both before any mapping. NOVELTY is the novelty.
    """

    FAILURE = "failure"
    PROGRESS = "progress"
    NOVELTY = "novelty"


def signals_of(progress: float, raw_score: float, failure_probability: float, novelty: float) -> Mapping[Signal, float]:
    """The signals of one answer; NaN where it does not tell. An answer without progress was declined and has none.

    Args:
        progress: as the judge gave it, before any mapping.
        raw_score: of the method; NaN where it has none.
        failure_probability: that the episode is failing.
        novelty: of the scene.
    """
    if math.isnan(progress):
        return dict.fromkeys(Signal, math.nan)
    scale = progress if math.isnan(raw_score) else raw_score
    return {
        Signal.FAILURE: failure_probability,
        # A token may have no probability at all, and the logarithm of that is no number to reckon with.
        Signal.PROGRESS: min(max(-scale, -_MOST), _MOST),
        Signal.NOVELTY: novelty,
    }


class SignalShape(pydantic.BaseModel):
    """How one signal runs in successful episodes. Between its points straight lines, outside the nearest of them.

    Attributes:
        signal: which.
        times_s: seconds from the start of the episode, each later than the one before.
        centre: the signal there.
        width: how far it strays from there, above 0; one unit of the scores.
    """

    model_config = _STRICT

    signal: Signal
    times_s: tuple[pydantic.FiniteFloat, ...] = pydantic.Field(min_length=1)
    centre: tuple[pydantic.FiniteFloat, ...]
    width: tuple[Annotated[pydantic.FiniteFloat, pydantic.Field(gt=0.0)], ...]

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> SignalShape:
        if not len(self.times_s) == len(self.centre) == len(self.width):
            raise ValueError("times_s, centre and width have different lengths")
        if any(after <= before for before, after in pairwise(self.times_s)):
            raise ValueError("times_s does not rise")
        return self

    def scores(self, times_s: Floats, values: Floats) -> Floats:
        """How far values lie above the centre, in widths."""
        scores: Floats = (values - np.interp(times_s, self.times_s, self.centre)) / np.interp(
            times_s, self.times_s, self.width
        )
        return scores


class StopRate(pydantic.BaseModel):
    """How many of some episodes were stopped, and the 95 % interval of their share.

    Attributes:
        stopped: how many were.
        episodes: of how many.
        low: lower end of the interval of the share.
        high: upper end of it.
    """

    model_config = _STRICT

    stopped: int = pydantic.Field(ge=0)
    episodes: int = pydantic.Field(ge=1)
    low: _Share
    high: _Share


class FailureBand(pydantic.BaseModel):
    """From when on an episode counts as failing, with a bound on how often that stops a success.

    An answer lies outside when all its signals are further above their centres than the limit, in widths. A stop takes
    `failure_count` such answers in a row over `failure_hold_s`, as the gate asks of every failure that a judge names.

    Attributes:
        shapes: of the signals; with several all have to be outside at once.
        limit: in widths.
        failure_count: answers in a row that make a stop, for which the promise holds; for more it holds too.
        failure_hold_s: seconds that they span, likewise.
        target_rate: the share of successful episodes that may be stopped, as it was asked for.
        promised_rate: the share that is promised: at most so many of new successes like those that it was fitted on are
            stopped, on average over draws of these.
        successes: successful episodes that it rests on.
        calibrated_on: those among them that set the limit; the others gave the shapes.
        held_out: stops among successes that the band was not fitted on, each left out in turn.
        failures: stops among failing episodes, which it never was fitted on; None where there were none.
    """

    model_config = _STRICT

    shapes: tuple[SignalShape, ...] = pydantic.Field(min_length=1)
    limit: pydantic.FiniteFloat
    failure_count: int = pydantic.Field(ge=1)
    failure_hold_s: float = pydantic.Field(ge=0.0)
    target_rate: float = pydantic.Field(gt=0.0, lt=1.0)
    promised_rate: float = pydantic.Field(gt=0.0, lt=1.0)
    successes: int = pydantic.Field(ge=1)
    calibrated_on: int = pydantic.Field(ge=1)
    held_out: StopRate | None = None
    failures: StopRate | None = None

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals, in the order of the shapes."""
        return tuple(shape.signal for shape in self.shapes)

    def score(self, elapsed_s: float, signals: Mapping[Signal, float]) -> float:
        """How far one answer lies outside, to be held against the limit; NaN where a signal is not told."""
        time_s = np.array([elapsed_s])
        scores = [float(shape.scores(time_s, np.array([signals[shape.signal]]))[0]) for shape in self.shapes]
        return math.nan if any(map(math.isnan, scores)) else min(scores)
