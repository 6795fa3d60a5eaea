"""Numbers that a message carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignalSample:
    """The signals of one message.

    Attributes:
        stamp_ns: header stamp of the message; where it has none, when it arrived on the node clock.
        values: number of each signal that the message carries, by the name that the task gives it, in the unit that the
            task declares. NaN where the message should hold a number and holds none. A signal that the message does not
            tell of, as the position of a joint that another driver publishes, is not among them.
    """

    stamp_ns: int
    values: Mapping[str, float]
