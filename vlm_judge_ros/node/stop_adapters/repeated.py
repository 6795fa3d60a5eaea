"""Publishes one command again and again for some seconds, then falls silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from vlm_judge_ros.node.stop_adapters.latched import listeners


class RepeatedCommand:
    """Repeats a command on the steady clock, so that simulated time, which may stand still, does not matter.

    Args:
        node: node that publishes.
        publisher: where the command goes.
        rate_hz: how often.
        repeat_s: for how long; 0 for once.
    """

    def __init__(self, node: Node, publisher: Any, rate_hz: float, repeat_s: float) -> None:
        self._node = node
        self._publisher = publisher
        self._rate_hz = rate_hz
        self._repeat_s = repeat_s
        self._left = 0
        self._make: Callable[[], Any] = lambda: None
        self._timer = node.create_timer(1.0 / rate_hz, self._again, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._timer.cancel()

    def start(self, make: Callable[[], Any]) -> str:
        """Publish at once what `make` makes, and go on; returns the end of a sentence on it."""
        self._make = make
        self._left = round(self._rate_hz * self._repeat_s)
        self._publisher.publish(make())
        if self._left:
            self._timer.reset()
        return f"for {self._repeat_s:g} s at {self._rate_hz:g} Hz; {listeners(self._publisher)}."

    def end(self) -> None:
        """Fall silent."""
        self._left = 0
        self._timer.cancel()

    def _again(self) -> None:
        if self._left <= 0:
            self._timer.cancel()
            return
        self._left -= 1
        try:
            self._publisher.publish(self._make())
        except Exception as error:
            self._node.get_logger().error(f"A command was not repeated ({type(error).__name__}: {error}).")
