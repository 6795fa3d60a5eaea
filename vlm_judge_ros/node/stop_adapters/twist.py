"""Commands a mobile base to stand still."""

from __future__ import annotations

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node

from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.repeated import RepeatedCommand


class ZeroTwist:
    """A velocity of zero, repeated, with or without a stamp."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._node = node
        self._stamped = settings.kind == "twist_stamped"
        self._frame_id = settings.frame_id
        publisher = node.create_publisher(TwistStamped if self._stamped else Twist, settings.target, 10)
        self._repeated = RepeatedCommand(node, publisher, settings.rate_hz, settings.repeat_s)

    def stop(self, answer: Answer) -> str:
        """Publish zero velocity for a while."""
        return f"Published zero velocity, {self._repeated.start(self._zero)}"

    def end(self) -> None:
        """Fall silent."""
        self._repeated.end()

    def release(self) -> None:
        """Do nothing: the base moves when somebody commands it."""

    def _zero(self) -> Twist | TwistStamped:
        if not self._stamped:
            return Twist()
        message = TwistStamped()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id = self._frame_id
        return message


def make(node: Node, settings: AdapterSettings) -> ZeroTwist:
    """Make the adapter."""
    return ZeroTwist(node, settings)
