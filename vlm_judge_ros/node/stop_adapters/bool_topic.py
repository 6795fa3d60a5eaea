"""Publishes whether the robot is to stand still."""

from __future__ import annotations

from rclpy.node import Node
from std_msgs.msg import Bool

from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.latched import LATCHED, listeners


class BoolTopic:
    """True when the robot is stopped, false after a reset. Nothing before: a new node releases nothing by starting."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._publisher = node.create_publisher(Bool, settings.target, LATCHED)

    def stop(self, answer: Answer) -> str:
        """Publish true; whoever comes later gets it too."""
        self._publisher.publish(Bool(data=True))
        return f"Published true; {listeners(self._publisher)}."

    def end(self) -> None:
        """Do nothing: the last message holds."""

    def release(self) -> None:
        """Publish false."""
        self._publisher.publish(Bool(data=False))


def make(node: Node, settings: AdapterSettings) -> BoolTopic:
    """Make the adapter."""
    return BoolTopic(node, settings)
