"""Made-up signals of successful episodes, and how often a band stops new ones of the same kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.judges.failure_band import Floats, Signal
from vlm_judge_ros.qualify.functional_band import SignalCourse, StopRule, fit_band, stopped_at

Draw = Callable[[np.random.Generator, str], SignalCourse]


def noisy(random: np.random.Generator, key: str) -> SignalCourse:
    """Probabilities near zero with rare peaks, in episodes of different length."""
    times_s = np.arange(1.0, random.integers(8, 20))
    values = random.beta(0.3, 4.0, times_s.size)
    return SignalCourse(key, times_s, {Signal.FAILURE: values, Signal.NOVELTY: random.gamma(2.0, 0.2, times_s.size)})


def rising(random: np.random.Generator, key: str) -> SignalCourse:
    """Progress that rises at a pace of its own, with pauses; the episode ends when it is complete."""
    pace = random.uniform(0.05, 0.15)
    steps = pace * (random.random(60) > 0.2)
    progress = np.minimum(np.cumsum(steps), 1.0)
    count = int(np.searchsorted(progress, 1.0 - 1e-9)) + 1
    progress = progress[: min(count, 60)]
    values = -(progress + random.normal(0.0, 0.03, progress.size))
    times_s = np.arange(1.0, progress.size + 1.0)
    return SignalCourse(key, times_s, {Signal.PROGRESS: values, Signal.FAILURE: random.beta(1.0, 9.0, times_s.size)})


def drifting(random: np.random.Generator, key: str) -> SignalCourse:
    """Walks with heavy tails, all ties broken by nothing: many curves are equal to each other at many moments."""
    times_s = np.arange(0.5, 12.0, 0.5)
    values = np.round(np.cumsum(random.standard_t(3.0, times_s.size)) * 0.1, 1)
    return SignalCourse(key, times_s, {Signal.FAILURE: values, Signal.NOVELTY: np.round(np.abs(values), 0)})


@dataclass(frozen=True, slots=True)
class Case:
    """Successes of one kind, a band of some of their signals, and what makes a stop."""

    draw: Draw
    signals: tuple[Signal, ...]
    successes: int
    rule: StopRule

    def __str__(self) -> str:
        names = "+".join(signal.value for signal in self.signals)
        debounce = f"{self.rule.failure_count}x over {self.rule.failure_hold_s:g} s"
        return f"{self.draw.__name__}, {names}, n {self.successes}, asked {self.rule.target_rate:g}, {debounce}"


CASES = (
    Case(noisy, (Signal.FAILURE,), 5, StopRule(1, 0.0, 0.02)),
    Case(noisy, (Signal.FAILURE, Signal.NOVELTY), 30, StopRule(1, 0.0, 0.1)),
    Case(noisy, (Signal.FAILURE,), 24, StopRule(2, 2.8, 0.1)),
    Case(rising, (Signal.PROGRESS,), 5, StopRule(1, 0.0, 0.2)),
    Case(rising, (Signal.PROGRESS,), 30, StopRule(2, 2.8, 0.1)),
    Case(rising, (Signal.PROGRESS, Signal.FAILURE), 20, StopRule(1, 0.0, 0.2)),
    Case(drifting, (Signal.FAILURE,), 20, StopRule(1, 0.0, 0.2)),
    Case(drifting, (Signal.FAILURE, Signal.NOVELTY), 12, StopRule(2, 2.8, 0.1)),
)


def realised(case: Case, draws: int, new: int, seed: int) -> tuple[Floats, float]:
    """The share of new successes that each of several bands stops, and the share that they promise.

    Args:
        case: what is drawn and fitted.
        draws: bands, each fitted on successes of its own.
        new: further successes for each band.
        seed: of all draws.
    """
    random = np.random.default_rng(seed)
    rates, promised = np.empty(draws), 1.0
    for number in range(draws):
        band = fit_band(
            [case.draw(random, f"{number}-{place}") for place in range(case.successes)], case.signals, case.rule
        )
        promised = band.promised_rate
        rates[number] = np.mean([stopped_at(band, case.draw(random, "new")) is not None for _ in range(new)])
    return rates, promised
