"""Asks a server and waits for the answer; everything that can go wrong on the way is dealt with behind this."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue

from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.remote.address import read_address
from vlm_judge_ros.models.remote.attempts import Caller
from vlm_judge_ros.models.remote.errors import RemoteError
from vlm_judge_ros.models.remote.exchanges import Recorder, Recording, Request
from vlm_judge_ros.models.remote.key import read_key
from vlm_judge_ros.models.remote.settings import ServerKind, ServerSettings
from vlm_judge_ros.models.remote.usage import Usage
from vlm_judge_ros.models.remote.wire import Wire

_Result = TypeVar("_Result")
_CLOSE_S = 2.0


class Client:
    """A server that is asked from any thread.

    Timeouts, retries, the circuit, the budget, the limit of an answer's size, TLS and the key are as the settings say.
    Paths are below the base URL, such as "chat/completions"; one that begins with a slash is beside /v1, where servers
    have what the OpenAI protocol does not have. Nothing comes from variables such as OPENAI_BASE_URL or OPENAI_ORG_ID.

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
        base_url = settings.base_url.rstrip("/")
        if settings.kind is ServerKind.AZURE and not settings.api_version and not base_url.endswith("/v1"):
            base_url += "/openai/v1"
        self._settings = settings
        self._address = read_address(base_url)
        self._recording = Recording(replay) if replay is not None else None
        self._replay = replay
        key = read_key(settings.key_variable, settings.key_file) if replay is None else None
        self._warnings = [warning for warning in (key.warning, self._address.key_warning()) if warning] if key else []
        self._recorder = Recorder(record, key) if record is not None else None
        self._loop = _Loop()
        self._caller: Caller | None = None
        if replay is None:
            wire = Wire(settings, self._address, key)
            self._caller = Caller(settings, wire, self.host, clock, seed)
            self._loop.at_end = wire.close
        self._semaphore: asyncio.Semaphore | None = None
        self._lock = threading.Lock()
        self._numbered = 0
        self._process = os.getpid()
        self._running: set[concurrent.futures.Future[list[dict[str, Any]]]] = set()
        self._closed = False
        self._stop = weakref.finalize(self, _Loop.stop, self._loop)

    @property
    def host(self) -> str:
        """Name and port of the server."""
        return self._address.host

    @property
    def usage(self) -> Usage:
        """What has been asked of the server since this was made."""
        return self._caller.usage if self._caller else Usage()

    @property
    def status(self) -> str:
        """Warnings, what keeps calls from going out, and what the last hour has cost, as sentences."""
        if self._caller is None:
            return f"Answers come from the recording {self._replay}, not from {self.host}."
        return " ".join([*self._warnings, self._caller.status])

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
        with self._lock:
            running = list(self._running)
        for future in running:
            future.cancel()

    def close(self) -> None:
        """End what runs and all connections. Nothing can be asked afterwards."""
        with self._lock:
            self._closed = True
        self.cancel()
        self._stop()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        if self._recording is not None:
            return [self._recording.answer(request) for request in requests]
        if os.getpid() != self._process:
            raise JudgeError(
                "This client was made in another process, whose threads this one does not have; make anew."
            )
        with self._lock:
            if self._closed:
                raise JudgeError(f"The client of {self.host} is closed.")
            first = self._numbered
            self._numbered += len(requests)
            future = self._loop.submit(self._all(first, requests))
            self._running.add(future)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Cancelled(f"The question to {self.host} was cancelled.") from None
        finally:
            # Of use where waiting was interrupted, by Ctrl-C for example.
            future.cancel()
            with self._lock:
                self._running.discard(future)

    async def _all(self, first: int, requests: Sequence[Request]) -> list[dict[str, Any]]:
        tasks = [asyncio.ensure_future(self._one(first + i, request)) for i, request in enumerate(requests)]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, number: int, request: Request) -> dict[str, Any]:
        assert self._caller is not None
        if self._semaphore is None:
            # Made here because it belongs to the loop in which it is made.
            self._semaphore = asyncio.Semaphore(self._settings.most_in_flight)
        outcome: dict[str, Any] | RemoteError
        async with self._semaphore:
            try:
                outcome = await self._caller.call(request.method, request.path, request.body)
            except RemoteError as error:
                outcome = error
        if self._recorder is not None:
            self._recorder.write(number, request, outcome)
        if isinstance(outcome, RemoteError):
            raise outcome
        return outcome


class _Loop:
    """An event loop in a thread of its own, which starts when it is first needed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.at_end: Callable[[], Coroutine[Any, Any, None]] | None = None

    def submit(self, work: Coroutine[Any, Any, _Result]) -> concurrent.futures.Future[_Result]:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="remote model", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """End the thread. Connections that do not close in time are left to the operating system."""
        if self._loop is None or self._thread is None:
            return
        loop, thread, self._loop = self._loop, self._thread, None
        if not thread.is_alive():  # in a process that was forked off
            return
        asyncio.run_coroutine_threadsafe(self._finish(), loop)
        thread.join(_CLOSE_S)
        if not thread.is_alive():
            loop.close()

    async def _finish(self) -> None:
        loop = asyncio.get_running_loop()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_CLOSE_S / 2)
        if self.at_end is not None:
            try:
                await asyncio.wait_for(self.at_end(), _CLOSE_S / 2)
            finally:
                loop.stop()
        loop.stop()
