"""What tells the node how and from where its cameras take pictures, while it runs: CameraInfo and TF."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from vlm_judge_ros.episode.messages import LONGEST_NAME, stamp_ns_of
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.backlog import subscribe
from vlm_judge_ros.node.message_class import message_class
from vlm_judge_ros.node.refusals import Refusals
from vlm_judge_ros.parameters.settings import CameraInput
from vlm_judge_ros.steering.drawing.camera_geometry import Lens
from vlm_judge_ros.steering.drawing.cameras import Cameras

TF, TF_STATIC = "/tf", "/tf_static"
_TF_TYPE = "tf2_msgs/msg/TFMessage"
_MOST_DISTORTION = 16
# Best effort hears reliable publishers too.
_INFO = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_MOVING = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
_FIXED = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class GeometryInputs:
    """The subscriptions that a file of cameras asks for; none where it tells all itself.

    Args:
        node: subscribes.
        cameras: what the file tells; takes the rest.
        inputs: how the node subscribes to the images.
        refusals: counts what cannot be used.

    Raises:
        JudgeError: TF is needed and its messages are not installed.
    """

    def __init__(self, node: Node, cameras: Cameras, inputs: Iterable[CameraInput], refusals: Refusals) -> None:
        self._node = node
        self._cameras = cameras
        self._refusals = refusals
        self._known: dict[str, Any] = {}
        kind = message_class(_TF_TYPE) if cameras.of_tf else None
        self._subscriptions: list[Any] = []
        for camera in inputs:
            if camera.name in cameras.of_info:
                topic = cameras.info_topic(camera.name) or beside(node.resolve_topic_name(camera.topic), camera)
                self._subscribe(CameraInfo, topic, partial(self._take_info, camera.name), _INFO)
        if kind is not None:
            self._subscribe(kind, TF, partial(self._take_transforms, False), _MOVING)
            self._subscribe(kind, TF_STATIC, partial(self._take_transforms, True), _FIXED)

    def close(self) -> None:
        """Cease to listen."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(self, kind: type[Any], topic: str, take: Callable[[Any], None], quality: QoSProfile) -> None:
        attempt = partial(self._refusals.attempt, f"topic {topic}", take)
        self._subscriptions.append(subscribe(self._node, kind, topic, attempt, quality))

    def _take_info(self, camera: str, message: Any) -> None:
        frame_id, distortion = message.header.frame_id, message.d
        if len(distortion) > _MOST_DISTORTION or len(frame_id) > LONGEST_NAME:
            raise JudgeError(f"The CameraInfo of {camera} is longer than any real one; mend who publishes it.")
        known = (message.width, message.height, message.distortion_model, tuple(distortion), tuple(message.k), frame_id)
        if known == self._known.get(camera):
            return
        self._known[camera] = known
        try:
            lens = Lens.of_camera_info(*known[:5])
        except JudgeError as error:
            self._cameras.refuse_lens(camera, f"Its CameraInfo cannot be used. {error}")
            raise
        self._cameras.add_lens(camera, lens, frame_id)

    def _take_transforms(self, fixed: bool, message: Any) -> None:
        refused: JudgeError | None = None
        for told in message.transforms:
            place, turn = told.transform.translation, told.transform.rotation
            try:
                self._cameras.tree.add(
                    told.header.frame_id,
                    told.child_frame_id,
                    0 if fixed else stamp_ns_of(told),
                    (place.x, place.y, place.z),
                    (turn.x, turn.y, turn.z, turn.w),
                    fixed,
                )
            except JudgeError as error:
                refused = error
        if refused is not None:
            raise refused


def beside(topic: str, camera: CameraInput) -> str:
    """Where the CameraInfo belongs to images on this topic, as `image_transport` has it."""
    images = topic.removesuffix("/compressed") if camera.compressed else topic
    return f"{images.rpartition('/')[0]}/camera_info"
