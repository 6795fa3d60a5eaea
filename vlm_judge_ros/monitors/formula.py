"""Formulas of Signal Temporal Logic over the signals of a task: a limit, or evidence, in words that look at time."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.formula_graph import build
from vlm_judge_ros.monitors.formula_online import OnlineFormula
from vlm_judge_ros.monitors.formula_parser import LONGEST_TEXT, parse
from vlm_judge_ros.monitors.formula_state import unit_of
from vlm_judge_ros.monitors.formula_syntax import signals_of
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec

_SHOWN = 160


class Formula(MonitorSpec):
    """A formula of Signal Temporal Logic has to hold, or is the evidence that the task is done."""

    LAYER: ClassVar[Layer] = Layer.THRESHOLD
    GIVES: ClassVar[tuple[Effect, ...]] = (Effect.FAILURE, Effect.SUCCESS)

    kind: Literal["formula"]
    formula: str = Field(
        min_length=1,
        max_length=LONGEST_TEXT,
        description="For example: always (force < 40). Times are seconds, numbers are in the units of the signals.",
    )
    speaks_for: Literal["failure", "success"] = Field(
        default="failure", description="failure: where it is violated. success: evidence, where it is satisfied."
    )
    period_s: float = Field(
        default=0.02, ge=0.001, le=10.0, description="Grid of time; what lies within one period is one moment."
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> Formula:
        try:
            build(parse(self.formula), self.period_s)
        except JudgeError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def layer(self) -> Layer:
        """A limit belongs to the thresholds, evidence to the events."""
        return Layer.EVENT if self.speaks_for == "success" else Layer.THRESHOLD

    @property
    def gives(self) -> tuple[Effect, ...]:
        """Evidence, or failures; never both."""
        return (Effect.SUCCESS if self.speaks_for == "success" else Effect.FAILURE,)

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return signals_of(parse(self.formula))

    def make(self, episode: EpisodeContext) -> FormulaMonitor:
        """Make the monitor for an episode."""
        return FormulaMonitor(self, episode)


class FormulaMonitor(Monitor):
    """Evaluates a formula as its signals come, and says what is certain of it and what is open."""

    def __init__(self, spec: Formula, episode: EpisodeContext) -> None:
        formula = parse(spec.formula)
        self._spec = spec
        self._started_ns = episode.started_ns
        self._newest_ns = episode.started_ns
        self._unit = unit_of(formula, episode.units)
        self._online = OnlineFormula(formula, spec.period_s, episode.started_ns, episode.timeouts_s)
        self._limits = spec.speaks_for == "failure"
        self._source = self._online.signals[0] if len(self._online.signals) == 1 else ""
        text = " ".join(spec.formula.split())
        self._text = f"The formula {text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}"

    def add_signals(self, sample: SignalSample) -> None:
        """Take the values of one message."""
        if sample.stamp_ns > self._newest_ns:
            self._newest_ns = sample.stamp_ns
        if self._online.add(sample.stamp_ns, sample.values):
            self.alarm = self._limits and self._online.holds is False

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say whether the formula is satisfied or violated whatever comes, or what is still open."""
        online = self._online
        online.pass_time(now_ns)
        online.weigh()
        self.alarm = self._limits and online.holds is False
        if not online.over:
            for signal in online.signals:
                if silent_ns := online.silent_ns(signal, now_ns):
                    return (self._blind(signal, silent_ns, now_ns),)
        if online.holds is None:
            return (self._finding(Effect.NEUTRAL, self._undecided(), self._open_value(), now_ns),)
        if online.holds:
            effect = Effect.NEUTRAL if self._limits else Effect.SUCCESS
            text = f"{self._text} is satisfied{self._by(online.low, ', with {} to spare')}"
            return (self._finding(effect, f"{text}, since {self._seconds(online.decided_ns)}.", online.low, now_ns),)
        effect = Effect.FAILURE if self._limits else Effect.NEUTRAL
        text = f"{self._text} is violated{self._by(-online.high, ', by {}')}"
        return (self._finding(effect, f"{text}, since {self._seconds(online.decided_ns)}.", online.high, now_ns),)

    def _finding(self, effect: Effect, text: str, value: float, now_ns: int) -> Finding:
        return self._spec.finding(
            effect,
            text,
            # What is certain for good is so now, whether messages come or not.
            now_ns if self._online.final else min(self._newest_ns, now_ns),
            source=self._source,
            onset_ns=None if effect is Effect.NEUTRAL else self._online.decided_ns,
            value=value if math.isfinite(value) else math.nan,
            limit=0.0,
            unit=self._unit,
        )

    def _blind(self, signal: str, silent_ns: int, now_ns: int) -> Finding:
        silence = "has been silent" if self._online.newest_ns(signal) is not None else "has not been received"
        text = f"{self._text} is not known: signal {signal} {silence} for {silent_ns * 1e-9:.1f} s."
        return self._spec.finding(Effect.BLIND, text, now_ns, source=self._source, limit=0.0, unit=self._unit)

    def _undecided(self) -> str:
        online = self._online
        missing = [signal for signal in online.signals if online.newest_ns(signal) is None]
        if missing:
            return f"{self._text} is open: signal {missing[0]} has not been received yet."
        if online.low == online.high:
            return f"{self._text} is exactly on its limit, neither satisfied nor violated."
        within = f"its robustness lies between {self._number(online.low)} and {self._number(online.high)}"
        if online.over:
            return f"{self._text} cannot be decided any more: {within}, because signals were silent."
        if online.of_now:
            return f"{self._text} is not known: {within}, because signals were silent."
        by_ns = online.decided_by_ns
        until = f"it is decided by {self._seconds(by_ns)}" if by_ns else "it may stay open as long as the episode lasts"
        return f"{self._text} is open: {within}, and {until}."

    def _open_value(self) -> float:
        """How far it is from being violated, for a limit, or satisfied, for evidence; else the other, if known."""
        first, second = self._online.high, self._online.low
        if not self._limits:
            first, second = second, first
        return first if math.isfinite(first) else second

    def _by(self, distance: float, words: str) -> str:
        return words.format(self._number(distance)) if math.isfinite(distance) else ""

    def _number(self, value: float) -> str:
        if math.isinf(value):
            return "infinity" if value > 0 else "-infinity"
        return f"{value:.4g}" if self._unit == "1" else f"{value:.4g} {self._unit}"

    def _seconds(self, stamp_ns: int) -> str:
        return f"{(stamp_ns - self._started_ns) * 1e-9:.2f} s of the episode"
