"""Calls a service without waiting for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.task import Future

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.stop_adapters.adapter import Answer

Reading = Callable[[Any], tuple[bool, str]]
"""From a response to whether it is a good one, and one sentence about it."""

_MOST_PENDING = 4


class ServiceCall:
    """A client whose calls are answered by a callback. A late answer to an earlier call is an answer as well.

    Args:
        node: node that calls.
        kind: type of the service.
        name: name of the service.
        read: what a response says.
    """

    def __init__(self, node: Node, kind: Any, name: str, read: Reading) -> None:
        self._client: Any = node.create_client(kind, name)
        self._read = read
        self._pending: deque[Future[Any]] = deque()

    @property
    def name(self) -> str:
        """Full name of the service."""
        return str(self._client.service_name)

    def call(self, request: Any, answer: Answer) -> str:
        """Send a request; returns one sentence on it.

        Raises:
            JudgeError: nobody offers the service.
        """
        if not self._client.service_is_ready():
            raise JudgeError(f"Nobody offers the service {self.name}; start what does, or correct the name.")
        while len(self._pending) >= _MOST_PENDING:
            self._client.remove_pending_request(self._pending.popleft())
        future = self._client.call_async(request)
        self._pending.append(future)
        future.add_done_callback(lambda done: self._take(done, answer))
        return f"Called {self.name}; no answer yet."

    def forget(self) -> None:
        """Take no answer any more."""
        while self._pending:
            self._client.remove_pending_request(self._pending.popleft())

    def _take(self, future: Future[Any], answer: Answer) -> None:
        if future not in self._pending:
            return
        self._pending.remove(future)
        try:
            good, text = self._read(future.result())
        except Exception as error:
            good, text = False, f"The answer could not be read ({type(error).__name__}: {error})."
        answer(good, text)
