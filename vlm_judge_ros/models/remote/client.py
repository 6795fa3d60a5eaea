"""Asks a server and waits for the answer; everything that can go wrong on the way is dealt with behind this."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.cost import enter
from vlm_judge_ros.models.remote.address import Address, read_address
from vlm_judge_ros.models.remote.attempts import Caller
from vlm_judge_ros.models.remote.exchanges import Recorder, Recording, Request
from vlm_judge_ros.models.remote.key import read_key
from vlm_judge_ros.models.remote.loop import LoopThread
from vlm_judge_ros.models.remote.settings import ServerKind, ServerSettings
from vlm_judge_ros.models.remote.usage import Usage, cost_of
from vlm_judge_ros.models.remote.wire import Wire


class Client:
    """A server that is asked from any thread.

    Timeouts, retries, the circuit, the budget, the limit of an answer's size, TLS and the key are as the settings say.
    Paths are below the base URL, such as "chat/completions"; one that begins with a slash is beside /v1, where servers
    have what the OpenAI protocol does not have. Variables such as OPENAI_BASE_URL or OPENAI_ORG_ID change nothing.

    A key goes over plain http to this machine, with a warning in the status to the local network, and nowhere else.

    Args:
        settings: of the server.
        record: every exchange is appended to this file; None for no recording.
        replay: this file answers in the place of the server, without a network and without a key; None for the server.
        seed: of the jitter of pauses; None for another one every time.
        clock: seconds that never go back, for circuit and budget.

    Raises:
        JudgeError: the settings cannot be used, or the key is not where they say.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        record: Path | None = None,
        replay: Path | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if record is not None and replay is not None:
            raise JudgeError("What is replayed is not recorded once more; set either record or replay.")
        self._address = _address(settings)
        self._prices = settings.budget
        self._asking: _Recorded | _Live = (
            _Recorded(replay) if replay is not None else _Live(settings, self._address, record, seed, clock)
        )
        # Also where nobody closes: when nothing refers to this any more, or the program ends.
        self._close = weakref.finalize(self, self._asking.close)

    @property
    def host(self) -> str:
        """Name and port of the server."""
        return self._address.host

    @property
    def usage(self) -> Usage:
        """What has been asked of the server since this was made."""
        return self._asking.usage

    @property
    def status(self) -> str:
        """Warnings, what keeps calls from going out, and what the last hour has cost, as sentences."""
        return self._asking.status

    def post(self, path: str, body: Mapping[str, JsonValue]) -> dict[str, Any]:
        """Ask.

        Returns:
            The JSON object of the answer. Its numbers are finite; nothing else of it is checked.

        Raises:
            Cancelled: `cancel` was called meanwhile.
            RemoteError: there is no answer; the kind says why.
        """
        return self.post_all(path, [body])[0]

    def post_all(self, path: str, bodies: Sequence[Mapping[str, JsonValue]]) -> list[dict[str, Any]]:
        """Ask several things at once, as many as the settings allow.

        Returns:
            The answers in the order of the bodies.

        Raises:
            Cancelled: `cancel` was called meanwhile.
            RemoteError: one of them has no answer; the others are given up.
        """
        return self._ask([Request(self._address.base_url, "POST", path, body) for body in bodies])

    def get(self, path: str) -> dict[str, Any]:
        """Ask for what is at a path; otherwise like `post`."""
        return self._ask([Request(self._address.base_url, "GET", path, None)])[0]

    def cancel(self) -> None:
        """End all calls that run, at once. Safe from any thread; nothing happens where none runs."""
        self._asking.cancel()

    def close(self) -> None:
        """End what runs and all connections. Nothing can be asked afterwards."""
        self._close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        if not self._close.alive:
            raise JudgeError(f"The client of {self.host} is closed.")
        answers = self._asking.ask(requests)
        for answer in answers:
            cost = cost_of(answer, self._prices)
            if cost is not None:
                enter(cost)
        return answers


class _Recorded:
    """A recording in the place of a server."""

    usage = Usage()

    def __init__(self, file: Path) -> None:
        self._recording = Recording(file)
        self.status = f"Answers come from the recording {file}, and nothing is sent."

    def ask(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        return self._recording.answers(requests)

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Live:
    """A server."""

    def __init__(
        self,
        settings: ServerSettings,
        address: Address,
        record: Path | None,
        seed: int | None,
        clock: Callable[[], float],
    ) -> None:
        key = read_key(settings.key_variable, settings.key_file)
        self._host = address.host
        self._warnings = [warning for warning in (key.warning, address.key_warning()) if warning] if key else []
        wire = Wire(settings, address, key)
        self._caller = Caller(settings, wire, address.host, clock, seed)
        self._in_flight = asyncio.Semaphore(settings.most_in_flight)
        self._recorder = Recorder(record, key) if record is not None else None
        self._loop = LoopThread(wire.close)
        self._lock = threading.Lock()
        self._numbered = 0
        self._running: set[concurrent.futures.Future[list[dict[str, Any]]]] = set()

    @property
    def usage(self) -> Usage:
        return self._caller.usage

    @property
    def status(self) -> str:
        return " ".join([*self._warnings, self._caller.status])

    def ask(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        with self._lock:
            future = self._loop.submit(self._all(self._numbered, requests))
            self._numbered += len(requests)
            self._running.add(future)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Cancelled(f"The question to {self._host} was cancelled.") from None
        finally:
            # Of use where waiting was interrupted, by Ctrl-C for example.
            future.cancel()
            with self._lock:
                self._running.discard(future)

    def cancel(self) -> None:
        with self._lock:
            running = list(self._running)
        if running:
            # First of all: whoever waits goes on as soon as a future is cancelled, and may ask at once.
            self._caller.abandon_probe()
        for future in running:
            future.cancel()

    def close(self) -> None:
        self.cancel()
        self._loop.stop()

    async def _all(self, first: int, requests: Sequence[Request]) -> list[dict[str, Any]]:
        numbered = list(enumerate(requests, start=first))
        answers = []
        if self._caller.is_trying and numbered:
            # One alone tries whether the server is back; the others would fail at once, and end this one.
            answers.append(await self._one(*numbered.pop(0)))
        tasks = [asyncio.ensure_future(self._one(number, request)) for number, request in numbered]
        try:
            return answers + list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, number: int, request: Request) -> dict[str, Any]:
        outcome: dict[str, Any] | JudgeError = Cancelled(f"The question to {self._host} was cancelled.")
        try:
            async with self._in_flight:
                outcome = await self._caller.call(request.method, request.path, request.body)
                return outcome
        except JudgeError as error:
            outcome = error
            raise
        finally:
            if self._recorder is not None:
                self._recorder.write(number, request, outcome)


def _address(settings: ServerSettings) -> Address:
    base_url = settings.base_url.rstrip("/")
    if settings.kind is ServerKind.AZURE and not settings.api_version and not base_url.endswith("/v1"):
        base_url += "/openai/v1"
    return read_address(base_url)
