"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from vlm_judge_ros.errors import JudgeError

_Result = TypeVar("_Result")
_CLOSE_S = 2.0


class LoopThread:
    """Runs coroutines for other threads. The thread starts with the first of them.

    Args:
        at_end: is awaited in the loop before it ends.
    """

    def __init__(self, at_end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._at_end = at_end
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0
        self._stopped = False

    def submit(self, work: Coroutine[Any, Any, _Result]) -> concurrent.futures.Future[_Result]:
        """Start a coroutine.

        Raises:
            JudgeError: the thread was stopped, or this process was forked off the one in which it runs.
        """
        with self._lock:
            try:
                return asyncio.run_coroutine_threadsafe(work, self._started())
            except JudgeError:
                work.close()
                raise

    def stop(self) -> None:
        """End the thread. What does not end in time is left to the operating system."""
        with self._lock:
            self._stopped = True
            loop, thread = self._loop, self._thread
            self._loop = None
            if loop is None or thread is None or os.getpid() != self._process:
                return
            asyncio.run_coroutine_threadsafe(self._finish(loop), loop)
        if thread is threading.current_thread():
            return
        thread.join(2.0 * _CLOSE_S)
        if not thread.is_alive():
            loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._stopped:
            raise JudgeError("The client of the server is closed; make another one.")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="remote model", daemon=True)
            self._process = os.getpid()
            self._thread.start()
        elif os.getpid() != self._process:
            raise JudgeError("This process was forked off one that asks a server; make a client of its own in it.")
        return self._loop

    async def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            if others:
                await asyncio.wait(others, timeout=_CLOSE_S)
            await asyncio.wait_for(self._at_end(), _CLOSE_S)
        finally:
            loop.stop()
