"""Header stamps: are they usable, and do they rise?"""

from __future__ import annotations

from dataclasses import dataclass

from vlm_judge_ros.episode.fault import BrokenStamp, FrameFault

NANOSECONDS_PER_SECOND = 1_000_000_000


def nanoseconds(duration_s: float) -> int:
    """Convert seconds to whole nanoseconds."""
    return round(duration_s * NANOSECONDS_PER_SECOND)


def stamp_from_parts(seconds: int, nanosec: int) -> int:
    """Join the two numbers of a `builtin_interfaces/Time` into nanoseconds.

    Raises:
        BrokenStamp: the stamp is zero, has negative seconds, or a second or more of nanoseconds.
    """
    if seconds == 0 and nanosec == 0:
        raise BrokenStamp(FrameFault.STAMP_ZERO, "The stamp is zero; set header.stamp where the message is made.")
    if seconds < 0 or not 0 <= nanosec < NANOSECONDS_PER_SECOND:
        raise BrokenStamp(
            FrameFault.STAMP_INVALID,
            f"The stamp {seconds} s + {nanosec} ns is not a time; seconds start at 0 and nanoseconds end at 999999999.",
        )
    return seconds * NANOSECONDS_PER_SECOND + nanosec


@dataclass(frozen=True, slots=True)
class StampLimits:
    """Limits of the stamp guard.

    Attributes:
        future_s: how far a stamp may lie ahead of the node clock.
        jump_s: a step back by more than this may be a jump of the clock.
        jump_count: frames in a row behind the newest stamp, themselves rising, that make it one. Fewer are strays.
    """

    future_s: float = 1.0
    jump_s: float = 1.0
    jump_count: int = 3


class StampGuard:
    """Watches the stamps of one camera: lets rising ones pass, names the others."""

    def __init__(self, limits: StampLimits | None = None) -> None:
        self._limits = limits or StampLimits()
        self._newest_ns: int | None = None
        self._behind_ns: int | None = None
        self._behind_count = 0

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest frame that passed; None before the first."""
        return self._newest_ns

    def reset(self) -> None:
        """Forget all stamps, so that the next frame passes whatever its stamp."""
        self._newest_ns = None
        self._behind_ns = None
        self._behind_count = 0

    def admit(self, stamp_ns: int, now_ns: int) -> FrameFault | None:
        """Judge the stamp of a frame that has just arrived.

        Args:
            stamp_ns: header stamp.
            now_ns: the node clock; 0 or less where it does not run yet, and then nothing is in the future.

        Returns:
            None where the frame may be used. CLOCK_JUMP where the clock went back: the guard starts anew from here.
        """
        if stamp_ns <= 0:
            return FrameFault.STAMP_ZERO if stamp_ns == 0 else FrameFault.STAMP_INVALID
        if 0 < now_ns < stamp_ns - nanoseconds(self._limits.future_s):
            return FrameFault.STAMP_FUTURE
        if self._newest_ns is None or stamp_ns > self._newest_ns:
            self._newest_ns = stamp_ns
            self._behind_ns = None
            self._behind_count = 0
            return None
        if stamp_ns == self._newest_ns:
            return FrameFault.STAMP_REPEATED
        if self._newest_ns - stamp_ns <= nanoseconds(self._limits.jump_s):
            return FrameFault.STAMP_BACKWARDS
        rises = self._behind_ns is None or stamp_ns > self._behind_ns
        self._behind_count = self._behind_count + 1 if rises else 1
        self._behind_ns = stamp_ns
        # The node clock went back too: no need to wait for more frames.
        clock_agrees = 0 < now_ns < self._newest_ns - nanoseconds(self._limits.future_s)
        if clock_agrees or self._behind_count >= self._limits.jump_count:
            self.reset()
            self._newest_ns = stamp_ns
            return FrameFault.CLOCK_JUMP
        return FrameFault.STAMP_BACKWARDS
