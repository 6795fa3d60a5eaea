"""Receives the images of one camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from vlm_judge_ros.episode.fault import BrokenImage, BrokenStamp, FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.node.arrivals import Arrivals
from vlm_judge_ros.node.frames import frame_of
from vlm_judge_ros.parameters.settings import CameraInput

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble has them in another module
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError


class CameraSubscription:
    """The subscription to one camera. Its callback never waits for anything.

    Args:
        node: the node that subscribes.
        camera: how to subscribe.
        take: called with each frame that could be read; returns why it is not used, None where it is.
        reject: called with the reason for each one that could not.
        callback_group: where the callbacks belong.

    Attributes:
        arrivals: loss and delay.
        newest: the newest frame that was used; None before the first.
    """

    def __init__(
        self,
        node: Node,
        camera: CameraInput,
        take: Callable[[Frame], FrameFault | None],
        reject: Callable[[str, BrokenImage | BrokenStamp], None],
        callback_group: CallbackGroup | None = None,
    ) -> None:
        self.camera = camera
        self.arrivals = Arrivals()
        self.newest: Frame | None = None
        self.counts_loss = True
        self._node = node
        self._clock = node.get_clock()
        self._take = take
        self._reject = reject
        quality = QoSProfile(
            depth=camera.depth,
            history=HistoryPolicy.KEEP_LAST,
            reliability=ReliabilityPolicy.RELIABLE if camera.reliable else ReliabilityPolicy.BEST_EFFORT,
        )
        kind = CompressedImage if camera.compressed else Image
        arguments: dict[str, Any] = {"callback_group": callback_group}
        try:
            events = SubscriptionEventCallbacks(message_lost=self._on_lost)
            self._subscription = node.create_subscription(
                kind, camera.topic, self._on_image, quality, event_callbacks=events, **arguments
            )
        except UnsupportedEventTypeError:  # not every middleware reports lost messages
            self.counts_loss = False
            self._subscription = node.create_subscription(kind, camera.topic, self._on_image, quality, **arguments)

    @property
    def topic(self) -> str:
        """Full name of the topic, after remapping."""
        return str(self._subscription.topic_name)

    def close(self) -> None:
        """Cease to receive."""
        self._node.destroy_subscription(self._subscription)

    def _on_image(self, message: Image | CompressedImage) -> None:
        try:
            frame = frame_of(self.camera.name, message)
        except (BrokenImage, BrokenStamp) as error:
            self._reject(self.camera.name, error)
            return
        if self._take(frame) is None:
            self.newest = frame
            delay_s = (self._clock.now().nanoseconds - frame.stamp_ns) * 1e-9
            self.arrivals.add(frame.stamp_ns, delay_s, self.camera.source_timeout_s)

    def _on_lost(self, event: Any) -> None:
        self.arrivals.reported_lost += event.total_count_change
