"""Topics whose last message also reaches those who come later."""

from __future__ import annotations

from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def listeners(publisher: Any) -> str:
    """How many listen to a topic, as part of a sentence."""
    count = publisher.get_subscription_count()
    return f"{count} listen" if count > 1 else "one listens" if count else "nobody listens"
