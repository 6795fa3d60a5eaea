"""Runs the callbacks of a node in a thread while other threads make and destroy what it listens with."""

from __future__ import annotations

import threading

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation

_LOOK_S = 0.1


class SpinThread:
    """Spins an executor until closed.

    rclpy's own `spin` ends for ever with the first client or publisher that another thread destroys while it is about
    to wait for it; this goes on with those that are left.

    Args:
        executor: with its node; nobody else spins it.
    """

    def __init__(self, executor: SingleThreadedExecutor) -> None:
        self._executor = executor
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spin", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """End the thread and shut the executor down."""
        self._ended.set()
        self._thread.join(timeout_s)
        self._executor.shutdown()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._executor.spin_once(timeout_sec=_LOOK_S)
            except rclpy_implementation.InvalidHandle:
                continue
            except ExternalShutdownException:
                return
