"""Scales the speed of the robot to zero."""

from __future__ import annotations

from rclpy.node import Node
from std_msgs.msg import Float64

from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.latched import LATCHED
from vlm_judge_ros.node.stop_adapters.repeated import RepeatedCommand


class SpeedScaling:
    """A share of the programmed speed, 0 to 1, latched and repeated for a while."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._publisher = node.create_publisher(Float64, settings.target, LATCHED)
        self._release_on_reset = settings.release_on_reset
        self._repeated = RepeatedCommand(node, self._publisher, settings.rate_hz, settings.repeat_s)

    def stop(self, answer: Answer) -> str:
        """Publish zero."""
        return f"Published 0, {self._repeated.start(lambda: Float64(data=0.0))}"

    def end(self) -> None:
        """Cease to repeat it."""
        self._repeated.end()

    def release(self) -> None:
        """Publish full speed, where that is wanted."""
        if self._release_on_reset:
            self._publisher.publish(Float64(data=1.0))


def make(node: Node, settings: AdapterSettings) -> SpeedScaling:
    """Make the adapter."""
    return SpeedScaling(node, settings)
