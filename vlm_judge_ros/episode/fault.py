"""Why a camera frame cannot be used."""

from __future__ import annotations

from enum import Enum

from vlm_judge_ros.errors import JudgeError


class FrameFault(Enum):
    """The closed list of reasons for which a received frame is not used; the values name them in diagnostics."""

    ZERO_SIZE = "zero_size"
    """Width, height or data is empty."""
    TOO_LARGE = "too_large"
    """The image claims more pixels than the limit."""
    UNKNOWN_ENCODING = "unknown_encoding"
    """The encoding or compression format is not supported."""
    SHORT_STEP = "short_step"
    """A row is shorter than its pixels need."""
    SHORT_DATA = "short_data"
    """The data is shorter than height x step."""
    TRUNCATED = "truncated"
    """A compressed image ends before its end marker."""
    UNDECODABLE = "undecodable"
    """The decoder refused the data."""
    STAMP_INVALID = "stamp_invalid"
    """Negative seconds, or nanoseconds of one second or more."""
    STAMP_ZERO = "stamp_zero"
    """The stamp was never set."""
    STAMP_FUTURE = "stamp_future"
    """The stamp lies ahead of the node clock by more than the limit."""
    STAMP_REPEATED = "stamp_repeated"
    """The stamp equals that of the frame before."""
    STAMP_BACKWARDS = "stamp_backwards"
    """The stamp is older than that of the frame before."""
    CLOCK_JUMP = "clock_jump"
    """The clock behind the stamps went back, as when a simulation is reset."""


class BrokenImage(JudgeError):
    """An image that cannot be used.

    Attributes:
        fault: the reason, for counting.
    """

    def __init__(self, fault: FrameFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class BrokenStamp(JudgeError):
    """A header stamp that cannot be used.

    Attributes:
        fault: the reason, for counting.
    """

    def __init__(self, fault: FrameFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
