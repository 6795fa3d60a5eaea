"""Plays TF and CameraInfo to `GeometryInputs`, and prints where it believes a camera on a hand to be."""

from __future__ import annotations

import time
from typing import Any

import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage  # type: ignore[import-not-found]

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.geometry_inputs import GeometryInputs
from vlm_judge_ros.node.refusals import Refusals
from vlm_judge_ros.parameters.settings import CameraInput
from vlm_judge_ros.steering.drawing.cameras import CameraPlace, Cameras

PATIENCE_S = 60.0


def transform(parent: str, child: str, seconds: int, x: float, z: float = 0.0) -> Any:
    told = TransformStamped(child_frame_id=child)
    told.header.frame_id, told.header.stamp.sec = parent, seconds
    told.transform.translation.x, told.transform.translation.z = x, z
    return told


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("tf_check")
    cameras, refusals = Cameras({"wrist": CameraPlace()}), Refusals(print)
    GeometryInputs(node, cameras, [CameraInput("wrist", "wrist/image", False, False, 5, 1.0)], refusals)
    info = node.create_publisher(CameraInfo, "wrist/camera_info", 1)
    moving = node.create_publisher(TFMessage, "/tf", 100)
    fixed = node.create_publisher(
        TFMessage, "/tf_static", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    )
    fixed.publish(TFMessage(transforms=[transform("hand", "wrist_optical", 0, 0.5, 0.25)]))
    lens = CameraInfo(width=64, height=48, k=[50.0, 0.0, 32.0, 0.0, 50.0, 24.0, 0.0, 0.0, 1.0])
    lens.header.frame_id = "wrist_optical"
    # The first of these is nonsense, and the others count all the same.
    hand = [transform("base", "base", 10, 1.0), transform("base", "hand", 10, 1.0), transform("base", "hand", 11, 2.0)]
    end = time.monotonic() + PATIENCE_S
    while True:
        info.publish(lens)
        moving.publish(TFMessage(transforms=hand))
        rclpy.spin_once(node, timeout_sec=0.1)
        try:
            place = cameras.at("wrist", "base", 10_500_000_000).pose.translation
        except JudgeError as error:
            assert time.monotonic() < end, error
        else:
            break
    assert refusals.total > 0
    print(*place)


main()
