"""A formula over signals, evaluated as their messages come.

Time since the start of the episode is a grid of periods. A signal keeps its value until the next message, and for its
timeout at most; after that it is not known. A part of the formula that speaks of one moment is computed for every
message, and of all its values within a period the least and the largest are kept: no peak is missed, however short.
In which order things came within a period is not known, and nothing is certain that depends on it.

What cannot change whether the formula holds is only kept, and is computed with the next that can or once it is asked
for; `Outlook` tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from math import isfinite

import numpy as np

from vlm_judge_ros.episode.stamps import NANOSECONDS_PER_SECOND, nanoseconds
from vlm_judge_ros.monitors.formula_graph import build
from vlm_judge_ros.monitors.formula_leaf import LeafState
from vlm_judge_ros.monitors.formula_outlook import Outlook
from vlm_judge_ros.monitors.formula_syntax import Formula, signals_of
from vlm_judge_ros.monitors.formula_window import Intervals, constant, unknown

LATE_NS = NANOSECONDS_PER_SECOND
FURTHEST_NS = 60 * NANOSECONDS_PER_SECOND
MOST_NS = 3600 * NANOSECONDS_PER_SECOND
_ONE_BY_ONE = 64
_AT_ONCE = 4096


class OnlineFormula:
    """The robustness of a formula as an interval over all that may still come.

    A message that is late by its stamp counts as of now; one whose stamp lies a minute ahead of all that is known of
    the time is passed over.

    Attributes:
        signals: names of its signals.
        low: least robustness that is possible.
        high: largest robustness that is possible.
        holds: True where it is above 0 whatever comes, False where it is below; None where that is open.
        decided_ns: since when `holds` is what it is.
        over: nothing that comes can change anything any more, whether it could be decided or not.

    Args:
        formula: the formula.
        period_s: the grid.
        started_ns: start of the episode.
        timeouts_s: how long a signal keeps its value, by its name; 0 for ever, and 1 where none is given.

    Raises:
        JudgeError: as for `build`.
    """

    def __init__(
        self, formula: Formula, period_s: float, started_ns: int, timeouts_s: Mapping[str, float] | None = None
    ) -> None:
        timeouts_s = timeouts_s or {}
        self.signals = signals_of(formula)
        self.low, self.high = -math.inf, math.inf
        self.holds: bool | None = None
        self.decided_ns = started_ns
        self.over = False
        self._graph = build(formula, period_s)
        self._last = math.inf if self._graph.now else self._graph.decided_after
        self._period_ns = nanoseconds(period_s)
        self._started_ns = started_ns
        self._places = {name: place for place, name in enumerate(self.signals)}
        self._values = [math.nan] * len(self.signals)
        self._newest_ns: dict[str, int] = {}
        self._timeouts_ns = {name: nanoseconds(timeouts_s.get(name, 1.0)) for name in self.signals}
        self._leaves = [LeafState(part, self._places) for part in self._graph.leaves]
        self._outlook = Outlook(self._graph, self._leaves)
        self._of_signal = {
            name: dict.fromkeys(leaf for leaf in self._leaves if name in leaf.signals) for name in self.signals
        }
        self._time_ns = started_ns
        self._now_ns = started_ns
        self._on_edge = True
        self._closed = 0
        self._close_ns = started_ns + self._period_ns
        self._begun = False

    @property
    def of_now(self) -> bool:
        """True where it speaks of now and of what was, so that nothing is decided for good."""
        return self._graph.now

    @property
    def final(self) -> bool:
        """True once it is decided for good."""
        return self.holds is not None and not self._graph.now

    @property
    def decided_by_ns(self) -> int | None:
        """When it is decided at the latest; None where it may stay open as long as the episode lasts."""
        after = self._graph.decided_after
        if self._graph.now or math.isinf(after):
            return None
        return self._started_ns + (int(after) + 1) * self._period_ns

    def newest_ns(self, signal: str) -> int | None:
        """Stamp of the newest value of a signal; None before the first."""
        return self._newest_ns.get(signal)

    def silent_ns(self, signal: str, now_ns: int) -> int:
        """How long a signal has been silent beyond its timeout; 0 where it has not."""
        newest_ns = self._newest_ns.get(signal, self._started_ns)
        timeout_ns = self._timeouts_ns[signal]
        age_ns = now_ns - newest_ns
        return age_ns if timeout_ns and age_ns > timeout_ns else 0

    def add(self, stamp_ns: int, values: Mapping[str, float]) -> bool:
        """Take the values of one message; True where all of it was weighed anew."""
        if self.over:
            return False
        places, newest_ns = self._places, self._newest_ns
        weighed = False
        if stamp_ns >= self._close_ns:
            if stamp_ns > max(self._time_ns, self._now_ns) + FURTHEST_NS:
                return False
            if not any(name in places and isfinite(value) for name, value in values.items()):
                return False
            self._time_ns = max(self._time_ns, stamp_ns)
            weighed = self._advance(stamp_ns)
        urgent = False
        touched: dict[LeafState, None] = {}
        for name, value in values.items():
            place = places.get(name)
            if place is None or not isfinite(value):
                continue
            if stamp_ns >= newest_ns.get(name, stamp_ns):
                self._values[place] = value
                newest_ns[name] = stamp_ns
                touched = touched | self._of_signal[name] if touched else self._of_signal[name]
            else:
                # It is not the newest, but what it shows did happen.
                late = self._values.copy()
                late[place] = value
                urgent |= self._fold(self._of_signal[name], stamp_ns, late)
        if touched:
            if stamp_ns > self._time_ns:
                self._time_ns = stamp_ns
            urgent |= self._on_edge and stamp_ns > self._close_ns - self._period_ns
            urgent |= self._fold(touched, stamp_ns, self._values)
        if not urgent:
            return weighed
        self._look_at_edge()
        if self._outlook.the_same(self._closed):
            return weighed
        self._weigh(stamp_ns)
        return True

    def pass_time(self, now_ns: int) -> None:
        """Let the clock go on: signals that are silent keep their value, or are not known any more.

        It stays a second behind, so that messages which are late by less count in their own period and it makes no
        difference how often this is called.
        """
        self._now_ns = max(self._now_ns, now_ns)
        upto_ns = min(now_ns - LATE_NS, self._time_ns + MOST_NS)
        if upto_ns >= self._close_ns and not self.over:
            self._time_ns = max(self._time_ns, upto_ns)
            self._advance(upto_ns)

    def weigh(self) -> None:
        """Compute the interval of now."""
        if not self.over:
            self._weigh(self._time_ns)

    def _fold(self, leaves: Iterable[LeafState], stamp_ns: int, values: list[float]) -> bool:
        begins = not self._begun or stamp_ns == self._close_ns - self._period_ns
        urgent = False
        if not begins:
            for leaf in leaves:
                value = leaf.measure(values)
                if not leaf.least <= value <= leaf.largest:
                    urgent |= leaf.fold(value)
            return urgent
        for leaf in leaves:
            if not self._begun and any(name not in self._newest_ns for name in leaf.signals):
                continue
            if not leaf.at_start:
                leaf.at_start = True
                urgent |= self._graph.now
            urgent |= leaf.fold(leaf.measure(values))
        return urgent

    def _advance(self, stamp_ns: int) -> bool:
        """Close all periods that ended before a stamp; False where the first values are still waited for."""
        position = (stamp_ns - self._started_ns) // self._period_ns
        if not self._begun:
            # Signals come a moment after the start: their first values count from there.
            waiting = len(self._newest_ns) < len(self.signals)
            if waiting and stamp_ns - self._started_ns <= LATE_NS:
                return False
            self._begun = True
        weighed = False
        while self._closed < position and not self.over:
            one = position - self._closed <= _ONE_BY_ONE
            count = 1 if one else min(position - self._closed, _AT_ONCE)
            more = []
            for leaf in self._leaves:
                leaf.close()
                more.append(self._held(leaf, self._closed + 1, count - 1) if count > 1 else None)
                self._open(leaf, self._closed + count)
            self._closed += count
            self._close_ns += count * self._period_ns
            self.over = self._closed > self._last
            self._look_at_edge()
            if count == 1 and not self.over and self._outlook.the_same(self._closed):
                continue
            columns = [self._closed_columns(leaf, held) for leaf, held in zip(self._leaves, more, strict=True)]
            after = self._decided_before(columns) if count > 1 and not self._graph.now else 0
            for leaf, closed in zip(self._leaves, columns, strict=True):
                self._give(leaf, closed)
            self._settle(self._close_ns - (1 + after) * self._period_ns)
            weighed = True
            if not self.over:
                self._outlook.look(self._closed, self.holds)
        return weighed

    def _held(self, leaf: LeafState, position: int, count: int) -> Intervals:
        """What is known of a count of periods, from one on, in which no message came."""
        before, until_ns = leaf.measure(self._values), self._known_until_ns(leaf)
        if before != before:
            return unknown(count)
        known = count
        if until_ns < math.inf:
            known = min(max((int(until_ns) - self._started_ns) // self._period_ns - position, 0), count)
        return np.concatenate((constant(before, known), unknown(count - known)), axis=1)

    def _open(self, leaf: LeafState, position: int) -> None:
        end_ns = self._started_ns + (position + 1) * self._period_ns
        leaf.open(leaf.measure(self._values) if end_ns <= self._known_until_ns(leaf) else math.nan)

    def _known_until_ns(self, leaf: LeafState) -> float:
        until_ns = math.inf
        for name in leaf.signals:
            newest_ns, timeout_ns = self._newest_ns.get(name), self._timeouts_ns[name]
            if newest_ns is None:
                return -math.inf
            if timeout_ns and newest_ns + timeout_ns < until_ns:
                until_ns = newest_ns + timeout_ns
        return until_ns

    def _closed_columns(self, leaf: LeafState, held: Intervals | None) -> Intervals:
        return leaf.take() if held is None else np.concatenate((leaf.take(), held), axis=1)

    def _decided_before(self, columns: list[Intervals]) -> int:
        """How many periods of those at once came after it was decided, by halving; 0 where it is open."""
        count = int(columns[0].shape[1])
        first, last = 0, count
        while first < last:
            middle = (first + last) // 2
            with self._graph.supposing():
                for leaf, closed in zip(self._leaves, columns, strict=True):
                    # Its beginning is what is known of a period that is being filled.
                    filling = closed[:, middle : middle + 1].copy()
                    filling[0], filling[3] = -math.inf, math.inf
                    for node in leaf.nodes:
                        node.give(closed[:, :middle], filling)
                lows, highs = self._graph.outcomes(0, self._closed - count + middle)
            if lows[0] > 0.0 or highs[0] < 0.0:
                last = middle
            else:
                first = middle + 1
        return count - last

    def _give(self, leaf: LeafState, closed: Intervals) -> None:
        filling = leaf.filling(self._graph.now, not self._on_edge)
        for node in leaf.nodes:
            node.give(closed, filling)

    def _look_at_edge(self) -> None:
        # A message at the very start of the period takes the place of what was before; it may be on its way.
        self._on_edge = not self._graph.now and self._time_ns <= self._close_ns - self._period_ns

    def _weigh(self, stamp_ns: int) -> None:
        self._look_at_edge()
        for leaf in self._leaves:
            self._give(leaf, leaf.take())
        self._settle(stamp_ns)

    def _settle(self, stamp_ns: int) -> None:
        self.low, self.high = self._graph.update(self._closed)
        holds = True if self.low > 0.0 else False if self.high < 0.0 else None
        if holds is not self.holds:
            self.holds = holds
            self.decided_ns = stamp_ns
            self.over |= self.final
