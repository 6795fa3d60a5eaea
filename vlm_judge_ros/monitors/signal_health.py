"""Layer 0: can the signals that a task declares be believed?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import StampLimits, nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity


class SignalHealth:
    """Watches every declared signal of one episode.

    Args:
        timeouts_s: longest silence of each signal by its name; 0 for any. As long as that after the start of the
            episode a signal may be missing.
        started_ns: stamp of the start of the episode.
        stamps: how far stamps may lie ahead of the node clock, and how far they may go back.
    """

    def __init__(self, timeouts_s: Mapping[str, float], started_ns: int, stamps: StampLimits | None = None) -> None:
        limits = stamps or StampLimits()
        self._checks = {
            name: _SignalCheck(name, timeout_s, started_ns, limits) for name, timeout_s in timeouts_s.items()
        }

    def add(self, sample: SignalSample) -> None:
        """Take the signals of one message; those that are not declared are passed over."""
        for name, value in sample.values.items():
            check = self._checks.get(name)
            if check is not None:
                check.add(sample.stamp_ns, value)

    @property
    def received(self) -> frozenset[str]:
        """Names of the signals that have come."""
        return frozenset(name for name, check in self._checks.items() if check.has_come)

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say of each signal whether it can be believed now: one finding each, whose name begins with `signal_`."""
        return tuple(check.finding(now_ns) for check in self._checks.values())


class _SignalCheck:
    """Watches one signal."""

    __slots__ = (
        "_back_ns",
        "_back_s",
        "_came",
        "_future_ns",
        "_invalid_since_ns",
        "_jump_ns",
        "_late_ns",
        "_looked_at",
        "_name",
        "_newest_ns",
        "_started_ns",
        "_timeout_ns",
        "_timeout_s",
        "_value",
    )

    def __init__(self, name: str, timeout_s: float, started_ns: int, limits: StampLimits) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._timeout_ns = nanoseconds(timeout_s)
        self._future_ns = nanoseconds(limits.future_s)
        self._jump_ns = nanoseconds(limits.jump_s)
        self._started_ns = started_ns
        self._came = 0
        self._looked_at = 0
        self._late_ns: int | None = None
        self._newest_ns = 0
        self._value = math.nan
        self._invalid_since_ns: int | None = None
        self._back_ns: int | None = None
        self._back_s = 0.0

    @property
    def has_come(self) -> bool:
        return self._came > 0

    def add(self, stamp_ns: int, value: float) -> None:
        if self._newest_ns - stamp_ns > self._jump_ns:
            self._back_s = (self._newest_ns - stamp_ns) * 1e-9
            self._back_ns = stamp_ns
        elif self._back_ns is not None and stamp_ns - self._back_ns > max(self._timeout_ns, self._jump_ns):
            self._back_ns = None
        self._came += 1
        # The newest to arrive, not the largest: one wrong stamp must not make all that follow look old.
        self._newest_ns = stamp_ns
        self._value = value
        if math.isfinite(value):
            self._invalid_since_ns = None
        elif self._invalid_since_ns is None:
            self._invalid_since_ns = stamp_ns

    def finding(self, now_ns: int) -> Finding:
        # Samples carry no time of arrival; that some came since the last look tells old stamps from silence.
        if self._came > self._looked_at:
            self._looked_at = self._came
            self._late_ns = now_ns if now_ns - self._newest_ns > self._timeout_ns else None
        if not self._came:
            return self._nothing_yet(now_ns)
        return self._old(now_ns) or self._wrong_stamps(now_ns) or self._no_number(now_ns) or self._fresh(now_ns)

    def _nothing_yet(self, now_ns: int) -> Finding:
        waited_s = (now_ns - self._started_ns) * 1e-9
        text = f"Signal {self._name} has not been received in this episode"
        if self._timeout_ns and now_ns - self._started_ns > self._timeout_ns:
            text = f"{text}, for {waited_s:.1f} s; start what publishes it, or correct topic and field in the task."
            return self._blind("signal_silent", text, now_ns, waited_s, onset_ns=self._started_ns)
        return self._neutral(f"{text} yet.", now_ns, math.nan)

    def _old(self, now_ns: int) -> Finding | None:
        age_ns = now_ns - self._newest_ns
        if not self._timeout_ns or age_ns <= self._timeout_ns:
            return None
        age_s = age_ns * 1e-9
        if self._late_ns is not None and now_ns - self._late_ns <= self._timeout_ns:
            text = (
                f"Signal {self._name} arrives {age_s:.1f} s after its stamps; synchronise the clocks, or set "
                "use_sim_time where a bag is played."
            )
            return self._blind("signal_late", text, now_ns, age_s)
        text = f"Signal {self._name} has been silent for {age_s:.1f} s."
        return self._blind("signal_silent", text, now_ns, age_s, onset_ns=self._newest_ns)

    def _wrong_stamps(self, now_ns: int) -> Finding | None:
        ahead_ns = self._newest_ns - now_ns
        if ahead_ns > self._future_ns:
            text = f"The stamps of signal {self._name} lie {ahead_ns * 1e-9:.1f} s ahead; synchronise the clocks."
            return self._blind("signal_early", text, now_ns, ahead_ns * 1e-9, self._future_ns * 1e-9)
        if self._back_ns is None:
            return None
        text = (
            f"The stamps of signal {self._name} went back by {self._back_s:.1f} s; look for a second publisher, or a "
            "clock that was set."
        )
        return self._blind("signal_stamps_back", text, now_ns, self._back_s, self._jump_ns * 1e-9, self._back_ns)

    def _no_number(self, now_ns: int) -> Finding | None:
        if self._invalid_since_ns is None:
            return None
        invalid_s = (self._newest_ns - self._invalid_since_ns) * 1e-9
        text = f"Signal {self._name} has been {self._value:g} instead of a number for {invalid_s:.1f} s."
        return self._blind("signal_invalid", text, now_ns, invalid_s, 0.0, self._invalid_since_ns)

    def _fresh(self, now_ns: int) -> Finding:
        age_s = (now_ns - self._newest_ns) * 1e-9
        return self._neutral(f"Signal {self._name} came {max(age_s, 0.0):.1f} s ago.", now_ns, age_s)

    def _blind(
        self,
        name: str,
        text: str,
        now_ns: int,
        value_s: float,
        limit_s: float | None = None,
        onset_ns: int | None = None,
    ) -> Finding:
        limit_s = self._timeout_s if limit_s is None else limit_s
        return self._finding(name, Effect.BLIND, text, now_ns, value_s, limit_s, onset_ns)

    def _neutral(self, text: str, now_ns: int, age_s: float) -> Finding:
        return self._finding("signal_fresh", Effect.NEUTRAL, text, now_ns, age_s, self._timeout_s, None)

    def _finding(
        self, name: str, effect: Effect, text: str, now_ns: int, value_s: float, limit_s: float, onset_ns: int | None
    ) -> Finding:
        return Finding(
            Layer.HEALTH,
            name,
            self._name,
            effect,
            text,
            # That something cannot be seen is observed now, again and again, or it would never count as lasting. And a
            # stamp that is wrong must not become the stamp of a verdict.
            self._newest_ns if effect is not Effect.BLIND and 0 < self._newest_ns <= now_ns else now_ns,
            onset_ns=onset_ns,
            severity=Severity.ERROR if effect is Effect.BLIND else Severity.INFO,
            value=value_s,
            limit=limit_s,
            unit="s",
        )
