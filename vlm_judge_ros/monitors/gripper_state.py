"""What a gripper does, told from how far it is closed and how hard it presses.

Closure is 0 where the gripper is fully open and 1 where it has closed onto nothing, whichever way its number runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vlm_judge_ros.episode.stamps import nanoseconds


class GripperState(Enum):
    """What the gripper does."""

    OPEN = "open"
    CLOSING = "closing"
    HOLDING = "holding something"
    EMPTY = "closed on nothing"
    OPENING = "opening"


class Loss(Enum):
    """How what was held got lost."""

    RAN_ON = "ran on to its end stop"
    EFFORT_VANISHED = "no longer presses"


@dataclass(frozen=True, slots=True)
class GripperLimits:
    """Shares are shares of the way from open to closed.

    Attributes:
        margin_share: what is held keeps the gripper at least this far from its closed end stop.
        least_closure_share: a gripper that holds something is closed at least this far.
        rest_share: it is at rest as long as it moves by no more than this.
        hold_s: how long it has to be at rest before it holds something.
        opening_share: opening by this much is opening on purpose; less is a bounce.
        confirm_s: how long it has to be at its end stop to have closed on nothing, or opened to be opened on purpose.
        effort_lost_s: how long it must not press to have lost what it held.
        press_needed: only a gripper that is known to press holds something.
        clock_jump_s: stamps that go back by more than this begin anew.
    """

    margin_share: float = 0.1
    least_closure_share: float = 0.1
    rest_share: float = 0.04
    hold_s: float = 0.3
    opening_share: float = 0.2
    confirm_s: float = 0.05
    effort_lost_s: float = 0.3
    press_needed: bool = False
    clock_jump_s: float = 1.0


class GripperTracker:
    """Follows one gripper through an episode.

    Attributes:
        state: what it does.
        since_ns: since when it does.
        closure: how far it is closed.
        grasps: how often it began to hold something.
        misses: how often it closed on nothing since it last held something.
        missed_ns: when it did so last; None for never.
        loss: how it lost what it held; None where it has not, or holds something again.
        lost_ns: since when.
        released_ns: when it was opened on purpose while it held something; None where it was not, or holds again.
    """

    def __init__(self, limits: GripperLimits) -> None:
        self._limits = limits
        self._hold_ns = nanoseconds(limits.hold_s)
        self._confirm_ns = nanoseconds(limits.confirm_s)
        self._effort_lost_ns = nanoseconds(limits.effort_lost_s)
        self._jump_ns = nanoseconds(limits.clock_jump_s)
        self._stop = 1.0 - limits.margin_share
        # A change of direction counts once it is more than what passes for rest.
        self._closing = 1.5 * limits.rest_share
        self._begin()

    def _begin(self) -> None:
        self.state = GripperState.OPEN
        self.since_ns = 0
        self.closure = 0.0
        self.grasps = 0
        self.misses = 0
        self.missed_ns: int | None = None
        self.loss: Loss | None = None
        self.lost_ns: int | None = None
        self.released_ns: int | None = None
        self._newest_ns: int | None = None
        self._widest = 0.0
        self._furthest = 0.0
        self._rest_at = 0.0
        self._rest_ns = 0
        self._stopped_ns: int | None = None
        self._opened_ns: int | None = None
        self._slack_ns: int | None = None

    def add(self, stamp_ns: int, closure: float, pressing: bool | None = None) -> None:
        """Take one reading; one that is older than the newest is passed over.

        Args:
            stamp_ns: when it was read.
            closure: 0 for open to 1 for closed onto nothing; finite.
            pressing: whether the gripper presses on something; None where that is not known.
        """
        if self._newest_ns is not None and stamp_ns < self._newest_ns:
            if stamp_ns >= self._newest_ns - self._jump_ns:
                return
            self._begin()
        if self._newest_ns is None:
            self.state = GripperState.EMPTY if closure >= self._stop else GripperState.OPEN
            self.since_ns = self._rest_ns = stamp_ns
            self._widest = self._furthest = self._rest_at = closure
        self._newest_ns, self.closure = stamp_ns, closure
        if abs(closure - self._rest_at) > self._limits.rest_share:
            self._rest_at, self._rest_ns = closure, stamp_ns
        if closure < self._stop:
            self._stopped_ns = None
        elif self._stopped_ns is None:
            self._stopped_ns = stamp_ns
        if pressing is not False:
            self._slack_ns = None
        elif self._slack_ns is None:
            self._slack_ns = stamp_ns
        self._move(stamp_ns, closure, pressing)

    def _move(self, stamp_ns: int, closure: float, pressing: bool | None) -> None:
        state = self.state
        if state is GripperState.OPEN or state is GripperState.OPENING:
            self._widest = min(self._widest, closure)
            if closure > self._widest + self._closing:
                self._furthest = closure
                self._enter(GripperState.CLOSING, stamp_ns)
            elif pressing and self._rests(stamp_ns, closure):
                self._hold(stamp_ns, closure)
            elif state is GripperState.OPENING and stamp_ns - self._rest_ns >= self._hold_ns:
                self._enter(GripperState.OPEN, stamp_ns)
            return
        self._furthest = max(self._furthest, closure)
        if self._opened(stamp_ns, closure):
            if state is GripperState.HOLDING:
                self.released_ns = self._opened_ns
            self._widest = closure
            self._enter(GripperState.OPENING, stamp_ns)
        elif state is GripperState.HOLDING:
            self._keep(stamp_ns)
        elif state is GripperState.CLOSING and self._stopped(stamp_ns):
            self.misses += 1
            self.missed_ns = self._stopped_ns
            self._enter(GripperState.EMPTY, stamp_ns)
        elif self._rests(stamp_ns, closure) and (pressing or self._may_hold):
            self._hold(stamp_ns, closure)

    def _keep(self, stamp_ns: int) -> None:
        if self._stopped(stamp_ns):
            self._lose(Loss.RAN_ON, self._stopped_ns, stamp_ns)
        elif self._slack_ns is not None and stamp_ns - self._slack_ns >= self._effort_lost_ns:
            self._lose(Loss.EFFORT_VANISHED, self._slack_ns, stamp_ns)

    def _hold(self, stamp_ns: int, closure: float) -> None:
        self.grasps += 1
        self.misses = 0
        self.missed_ns = self.lost_ns = self.released_ns = None
        self.loss = None
        # What it overshot before it came to rest is no measure of how far it has to open.
        self._furthest = closure
        self._enter(GripperState.HOLDING, stamp_ns)

    def _lose(self, how: Loss, onset_ns: int | None, stamp_ns: int) -> None:
        self.loss, self.lost_ns = how, onset_ns
        self._enter(GripperState.EMPTY, stamp_ns)

    def _enter(self, state: GripperState, stamp_ns: int) -> None:
        self.state, self.since_ns = state, stamp_ns
        self._opened_ns = None

    def _rests(self, stamp_ns: int, closure: float) -> bool:
        within = self._limits.least_closure_share <= closure < self._stop
        return within and stamp_ns - self._rest_ns >= self._hold_ns

    @property
    def _may_hold(self) -> bool:
        """Whether coming to rest is enough to hold something."""
        return self.state is GripperState.CLOSING and not self._limits.press_needed

    def _stopped(self, stamp_ns: int) -> bool:
        """Tell whether it has been at its end stop for long enough."""
        return self._long(self._stopped_ns, stamp_ns)

    def _opened(self, stamp_ns: int, closure: float) -> bool:
        """Tell whether it has been opened for long enough."""
        limits = self._limits
        wide = self.state is GripperState.HOLDING and closure < 0.5 * limits.least_closure_share
        if not wide and closure >= self._furthest - limits.opening_share:
            self._opened_ns = None
        elif self._opened_ns is None:
            self._opened_ns = stamp_ns
        return self._long(self._opened_ns, stamp_ns)

    def _long(self, since_ns: int | None, stamp_ns: int) -> bool:
        # One reading alone may be a wrong one.
        return since_ns is not None and stamp_ns > since_ns and stamp_ns - since_ns >= self._confirm_ns
