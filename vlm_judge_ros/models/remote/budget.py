"""What the last hour has cost, and whether one call more may be made."""

from __future__ import annotations

import bisect
import math
from collections import deque
from dataclasses import dataclass, field, replace

from vlm_judge_ros.models.remote.settings import Budget

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Expense:
    """One attempt.

    Attributes:
        began_s: when it was sent.
        tokens: of input and output, as far as known.
        money: in the currency of the prices.
        key: tells it from others.
    """

    began_s: float
    tokens: int = 0
    money: float = 0.0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of the last hour.

    Attributes:
        calls: attempts.
        tokens: of input and output.
        money: in the currency of the prices.
    """

    calls: int
    tokens: int
    money: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The hour has cost what it may.

    Attributes:
        what: the limit that is reached, in words.
        wait_s: seconds until enough of it is more than an hour ago.
    """

    what: str
    wait_s: float


@dataclass
class Ledger:
    """Keeps the expenses of a rolling hour. It has no clock: every question brings seconds of one that never goes back.

    An attempt is entered before it is sent, so however many are in flight there are never more than the limit. What
    it costs in tokens and money is known only when the answer is there: the attempts that are in flight when one of
    these limits is reached may exceed it.
    """

    limits: Budget
    expenses: deque[Expense] = field(default_factory=deque)

    def exhausted(self, now_s: float) -> Exhausted | None:
        """Which limit is reached, and until when; None where one more attempt may be made."""
        self._forget(now_s)
        calls: list[tuple[float, float]] = [(one.began_s, 1.0) for one in self.expenses]
        tokens: list[tuple[float, float]] = [(one.began_s, one.tokens) for one in self.expenses]
        money: list[tuple[float, float]] = [(one.began_s, one.money) for one in self.expenses]
        reached = [
            Exhausted(f"{limit:g} {name}", _wait_s(amounts, limit, now_s))
            for name, limit, amounts in (
                ("calls", self.limits.calls, calls),
                ("tokens", self.limits.tokens, tokens),
                ("of the currency of the prices", self.limits.money, money),
            )
            if limit is not None and _sum(amounts) >= limit
        ]
        return max(reached, key=lambda one: one.wait_s, default=None)

    def reserve(self, now_s: float, key: str = "") -> Expense | None:
        """Enter an attempt that is about to be sent; None where the budget has no room for it."""
        if self.exhausted(now_s) is not None:
            return None
        self.expenses.append(Expense(now_s, key=key))
        return self.expenses[-1]

    def settle(self, expense: Expense, input_tokens: int, output_tokens: int) -> Expense:
        """Enter what an attempt has cost, and return it; one that is more than an hour ago costs nothing any more."""
        money = self.limits.money_for(input_tokens, output_tokens)
        settled = replace(expense, tokens=input_tokens + output_tokens, money=money)
        if expense in self.expenses:
            self.expenses[self.expenses.index(expense)] = settled
        return settled

    def spent(self, now_s: float) -> Spent:
        """The cost of the hour before now."""
        self._forget(now_s)
        return Spent(
            len(self.expenses),
            sum(one.tokens for one in self.expenses),
            math.fsum(one.money for one in self.expenses),
        )

    def _forget(self, now_s: float) -> None:
        while self.expenses and now_s - self.expenses[0].began_s >= HOUR_S:
            self.expenses.popleft()


def _wait_s(amounts: list[tuple[float, float]], limit: float, now_s: float) -> float:
    def is_room_without(oldest: int) -> bool:
        return _sum(amounts[oldest:]) < limit

    oldest = bisect.bisect_left(range(len(amounts)), True, key=is_room_without)
    return min(HOUR_S, max(0.0, amounts[oldest - 1][0] + HOUR_S - now_s))


def _sum(amounts: list[tuple[float, float]]) -> float:
    # Exact, so that what is left over is the same whether others were counted before or never.
    return math.fsum(amount for _, amount in amounts)
