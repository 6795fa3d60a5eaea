"""Takes what waits in the queue of a subscription, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

MOST = 50
"""Messages that are taken at once. More wait for the next turn, so that one topic does not keep out all others."""


def waiting_messages(subscription: Subscription[Any]) -> Iterator[Any]:
    """Take the messages that wait behind the one whose callback calls this, oldest first.

    rclpy's executors take one message of each subscription and then go through all entities of the node, which costs
    more than a message of joint states. A node that is short of time would have full queues for ever, and a fault would
    wait behind all that is in them.
    """
    for _ in range(MOST):
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return
        yield taken[0]


def subscribe(
    node: Node, kind: type[Any], topic: str, take: Callable[[Any], object], quality: QoSProfile | int
) -> Subscription[Any]:
    """Subscribe, so that each message is taken and then those that wait behind it."""

    def on_news(message: Any) -> None:
        take(message)
        for waiting in waiting_messages(subscription):
            take(waiting)

    subscription = node.create_subscription(kind, topic, on_news, quality)
    return subscription
