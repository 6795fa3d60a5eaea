from __future__ import annotations

import pytest

from vlm_judge_ros.replay.bag import BagError
from vlm_judge_ros.replay.topics import CameraTopic, find_signals, find_topics
from vlm_judge_ros.tasks.signals import SignalTopic

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


@pytest.mark.parametrize(
    ("topic", "camera"),
    [
        ("/front/image/compressed", "front"),
        ("/wrist/image", "wrist"),
        ("/camera/color/image_raw", "camera"),
        ("/cam_high/rgb/image_rect_color", "cam_high"),
        ("/robot/Left-Arm/image_raw/compressed", "left_arm"),
        ("/image", "image"),
    ],
)
def test_cameras_are_named_after_what_tells_them_apart(topic: str, camera: str) -> None:
    kind = COMPRESSED if topic.endswith("compressed") else IMAGE
    assert [found.camera for found in find_topics({topic: kind}).cameras] == [camera]


def test_a_camera_recorded_raw_and_compressed_is_read_raw() -> None:
    found = find_topics({"/front/image": IMAGE, "/front/image/compressed": COMPRESSED})
    assert found.cameras == (CameraTopic("front", "/front/image", "raw"),)


def test_two_topics_for_one_camera_ask_for_names() -> None:
    with pytest.raises(BagError, match="both be camera front; name the cameras"):
        find_topics({"/front/image": IMAGE, "/front/image_raw": IMAGE})


def test_a_bag_without_cameras_says_what_it_has() -> None:
    with pytest.raises(BagError, match=r"No topic holds images; the bag has /imu \(sensor_msgs/msg/Imu\)\."):
        find_topics({"/imu": "sensor_msgs/msg/Imu"})


def test_named_cameras_are_taken_in_the_order_given() -> None:
    topics = {"/a/image_raw": IMAGE, "/b/image_raw/compressed": COMPRESSED, "/c/image_raw": IMAGE}
    found = find_topics(topics, {"wrist": "/b/image_raw/compressed", "front": "/a/image_raw"})
    assert [(camera.camera, camera.transport) for camera in found.cameras] == [
        ("wrist", "compressed"),
        ("front", "raw"),
    ]


def test_a_named_topic_without_images_is_refused() -> None:
    with pytest.raises(BagError, match="Topic /imu of camera front holds sensor_msgs/msg/Imu, not images"):
        find_topics({"/imu": "sensor_msgs/msg/Imu", "/a/image_raw": IMAGE}, {"front": "/imu"})


def test_signals_are_found_by_type_and_by_their_usual_name() -> None:
    joint = "sensor_msgs/msg/JointState"
    topics = {
        "/front/image": IMAGE,
        "/left/gripper": joint,
        "/left/joint_states": joint,
        "/x/task": "std_msgs/msg/String",
    }
    found = find_topics(topics)
    assert (found.joint_states, found.task, found.chunk) == ("/left/joint_states", "/x/task", None)


@pytest.mark.parametrize(
    ("declared", "kind", "recorded"),
    [
        ("wrench", "geometry_msgs/msg/WrenchStamped", "/arm/wrench"),
        ("/arm/wrench", "geometry_msgs/msg/WrenchStamped", "/arm/wrench"),
        ("joint_states", "sensor_msgs/msg/JointState", "/arm/joint_states"),
        ("/wrench", "geometry_msgs/msg/WrenchStamped", None),
        ("wrench", "std_msgs/msg/Float64", None),
        ("height", "std_msgs/msg/Float64", None),
    ],
)
def test_declared_signals_are_found_under_the_name_by_which_they_were_recorded(
    declared: str, kind: str, recorded: str | None
) -> None:
    topics = {
        "/image": IMAGE,
        "/arm/wrench": "geometry_msgs/msg/WrenchStamped",
        "/arm/joint_states": "sensor_msgs/msg/JointState",
        "/left/height": "std_msgs/msg/Float64",
        "/right/height": "std_msgs/msg/Float64",
    }
    wanted = SignalTopic(declared, kind, {})
    found = find_signals(topics, find_topics(topics), [wanted])
    assert found == ({recorded: [wanted]} if recorded is not None else {})
