"""One call: as many attempts as it takes and as patience, circuit and budget allow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.account import account_of
from vlm_judge_ros.models.remote.budget import Exhausted, Expense
from vlm_judge_ros.models.remote.circuit import Circuit, CircuitState, Passage
from vlm_judge_ros.models.remote.errors import BudgetSpent, CircuitOpen, Refused, RemoteError
from vlm_judge_ros.models.remote.failures import AttemptFailed
from vlm_judge_ros.models.remote.retries import Backoff
from vlm_judge_ros.models.remote.settings import ServerSettings
from vlm_judge_ros.models.remote.usage import Usage, is_generated, tokens_of
from vlm_judge_ros.models.remote.wire import Wire


class Caller:
    """Makes calls over a wire. `call` runs in the event loop of the wire; the rest is safe from any thread.

    Args:
        settings: of the server.
        wire: the way there.
        host: name of the server, for people.
        clock: seconds that never go back.
        seed: of the jitter of pauses; None for another one every time.
    """

    def __init__(
        self, settings: ServerSettings, wire: Wire, host: str, clock: Callable[[], float], seed: int | None
    ) -> None:
        patience = settings.patience
        self._budget = settings.budget
        self._wire = wire
        self._host = host
        self._clock = clock
        self._backoff = Backoff(patience.most_retries, patience.backoff_s, patience.longest_backoff_s, seed)
        self._lock = threading.Lock()
        self._circuit = Circuit(patience.failures_to_open, patience.open_s)
        self._account = account_of(settings.base_url, settings.budget)
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """What has been asked since the start."""
        return self._usage

    @property
    def status(self) -> str:
        """What keeps calls from going out, and what the hour has cost so far, as sentences."""
        with self._lock:
            now_s = self._clock()
            state, open_s = self._circuit.state(now_s), self._circuit.wait_s(now_s)
            spent, exhausted = self._account.spent(now_s), self._account.exhausted(now_s)
        sentences = []
        if state is CircuitState.OPEN:
            sentences.append(f"The server {self._host} fails again and again; it is tried in {open_s:.0f} s.")
        elif state is CircuitState.HALF_OPEN:
            sentences.append(f"The server {self._host} failed again and again; the next call tries whether it is back.")
        if exhausted is not None:
            sentences.append(_in_words(exhausted))
        cost = f"In the last hour {spent.calls} calls, {spent.tokens} tokens"
        if self._budget.has_prices:
            cost += f", {spent.money:.2f} of the currency of the prices"
        return " ".join([*sentences, f"{cost}."])

    @property
    def is_trying(self) -> bool:
        """Whether the next call is the one that tries whether the server is back."""
        with self._lock:
            return self._circuit.state(self._clock()) is CircuitState.HALF_OPEN

    def abandon_probe(self) -> None:
        """Let another call try whether the server is back, because the one that does has been cancelled."""
        with self._lock:
            self._circuit.abandon_probe()

    async def call(self, method: str, path: str, body: Mapping[str, JsonValue] | None) -> dict[str, Any]:
        """Make one call.

        Raises:
            RemoteError: it has no answer.
        """
        self._count(calls=1)
        with self._lock:
            now_s = self._clock()
            passage, wait_s = self._circuit.enter(now_s), self._circuit.wait_s(now_s)
        if passage is None:
            self._count(failed=1)
            raise CircuitOpen(
                f"The server {self._host} failed again and again and is left alone; one call tries it "
                f"{f'in {wait_s:.0f} s' if wait_s else 'just now'}."
            )
        try:
            answer = await self._attempts(method, path, body, passage)
        except BaseException as error:
            self._report(passage, error)
            raise
        with self._lock:
            self._circuit.succeeded(passage)
        return answer

    async def _attempts(
        self, method: str, path: str, body: Mapping[str, JsonValue] | None, passage: Passage
    ) -> dict[str, Any]:
        retry = 0
        while True:
            expense = self._reserve()
            try:
                answer = await self._wire.send(method, path, body)
            except AttemptFailed as failed:
                failure = failed
            else:
                self._settle(expense, answer)
                return answer
            pause_s = None
            if failure.is_passing and not passage.is_probe and self._may_go_on():
                pause_s = self._backoff.pause_s(retry, failure.asked_s)
            if pause_s is None:
                raise failure.error
            await asyncio.sleep(pause_s)
            retry += 1

    def _may_go_on(self) -> bool:
        # Others may have found meanwhile that the server is gone, or have spent what was left.
        with self._lock:
            now_s = self._clock()
            return self._circuit.state(now_s) is CircuitState.CLOSED and self._account.exhausted(now_s) is None

    def _reserve(self) -> Expense:
        with self._lock:
            now_s = self._clock()
            expense = self._account.reserve(now_s)
            exhausted = self._account.exhausted(now_s) if expense is None else None
        if expense is None:
            raise BudgetSpent(_in_words(exhausted) if exhausted else "The budget of the server was just spent.")
        self._count(attempts=1)
        return expense

    def _settle(self, expense: Expense, answer: Mapping[str, Any]) -> None:
        tokens = tokens_of(answer)
        if tokens is None:
            if is_generated(answer) and (self._budget.tokens is not None or self._budget.money is not None):
                raise JudgeError(
                    f"The server {self._host} does not tell how many tokens an answer took, so that a budget in tokens "
                    "or money cannot be kept; set budget.calls instead."
                )
            return
        with self._lock:
            expense = self._account.settle(expense, tokens.read, tokens.written)
        self._count(tokens_read=tokens.read, tokens_written=tokens.written, money=expense.money)

    def _report(self, passage: Passage, error: BaseException) -> None:
        with self._lock:
            if isinstance(error, Refused):
                # Whoever refuses is there.
                self._circuit.succeeded(passage)
            elif isinstance(error, RemoteError) and not isinstance(error, BudgetSpent):
                self._circuit.failed(passage, self._clock())
            else:
                self._circuit.gave_up(passage)
        self._count(failed=1)

    def _count(self, **more: float) -> None:
        with self._lock:
            self._usage = replace(self._usage, **{name: getattr(self._usage, name) + by for name, by in more.items()})


def _in_words(exhausted: Exhausted) -> str:
    wait_s = exhausted.wait_s
    wait = f"{wait_s / 60.0:.0f} min" if wait_s >= 120.0 else f"{wait_s:.0f} s"
    return f"The budget of the server ({exhausted.what} an hour) is spent; there is room again in {wait}."
