"""Stops asking a server that fails again and again, and finds out when it is back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CircuitState(Enum):
    """Whether calls go out: all, none, or one that tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


@dataclass(frozen=True, slots=True)
class Passage:
    """Leave to make one call; is handed back with how it ended.

    Attributes:
        period: grows when the circuit opens or closes, or a probe is abandoned; what began before decides nothing.
        is_probe: this call tries whether the server is back. It makes one attempt.
    """

    period: int
    is_probe: bool


class Circuit:
    """A circuit breaker. It has no clock: every question brings seconds of one that never goes back.

    Args:
        failures_to_open: so many failed calls in a row open it, at least 1.
        open_s: after this one call may try whether the server is back.
    """

    def __init__(self, failures_to_open: int, open_s: float) -> None:
        self._failures_to_open = failures_to_open
        self._open_s = open_s
        self._failures = 0
        self._opened_s: float | None = None
        self._probing = False
        self._period = 0

    def state(self, now_s: float) -> CircuitState:
        """Whether calls go out now."""
        if self._opened_s is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self.wait_s(now_s) > 0.0 else CircuitState.HALF_OPEN

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call may try whether the server is back; 0 where that, or every call, may go out."""
        return 0.0 if self._opened_s is None else max(0.0, self._opened_s + self._open_s - now_s)

    def enter(self, now_s: float) -> Passage | None:
        """Ask to make a call; None where it is not to be made."""
        state = self.state(now_s)
        if state is CircuitState.OPEN or (state is CircuitState.HALF_OPEN and self._probing):
            return None
        self._probing = state is CircuitState.HALF_OPEN
        return Passage(self._period, self._probing)

    def succeeded(self, passage: Passage) -> None:
        """The server answered the call."""
        if passage.period != self._period:
            return
        self._failures = 0
        if passage.is_probe:
            self._opened_s = None
            self._probing = False
            self._period += 1

    def failed(self, passage: Passage, now_s: float) -> None:
        """The server failed the call."""
        if passage.period != self._period:
            return
        self._failures += 1
        if passage.is_probe or self._failures >= self._failures_to_open:
            self._opened_s = now_s
            self._failures = 0
            self._probing = False
            self._period += 1

    def abandon_probe(self) -> None:
        """Whatever call tries whether the server is back, nobody waits for it any more; another may try."""
        if self._probing:
            self._probing = False
            self._period += 1

    def gave_up(self, passage: Passage) -> None:
        """The call ended without telling anything of the server, for example because it was cancelled."""
        if passage.period == self._period and passage.is_probe:
            self._probing = False
