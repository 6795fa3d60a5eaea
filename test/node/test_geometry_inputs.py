"""CameraInfo over DDS tells how the cameras of a file take pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import PATIENCE_S, Bench
from compiled_messages import compiled, started
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.geometry_inputs import GeometryInputs, beside
from vlm_judge_ros.node.refusals import Refusals
from vlm_judge_ros.parameters.settings import CameraInput
from vlm_judge_ros.steering.drawing.cameras import CameraPlace, Cameras
from vlm_judge_ros.steering.transform import Transform

K = [250.0, 0.0, 160.0, 0.0, 250.0, 120.0, 0.0, 0.0, 1.0]


def camera(topic: str, compressed: bool = False) -> CameraInput:
    return CameraInput("front", topic, compressed, reliable=False, depth=5, source_timeout_s=1.0)


@pytest.fixture
def cameras() -> Cameras:
    return Cameras({"front": CameraPlace(frame_id="base", pose=Transform.identity())})


@pytest.fixture
def refusals() -> Refusals:
    return Refusals(lambda text: None)


@pytest.fixture
def publisher(bench: Bench, cameras: Cameras, refusals: Refusals, namespace: str) -> Iterator[Publisher[Any]]:
    inputs = GeometryInputs(bench.node, cameras, [camera(f"/{namespace}/front/image")], refusals)
    publisher = bench.node.create_publisher(CameraInfo, f"/{namespace}/front/camera_info", 1)
    yield publisher
    inputs.close()
    bench.node.destroy_publisher(publisher)


def known(cameras: Cameras) -> Any:
    try:
        return cameras.at("front", "base", 0).lens
    except JudgeError:
        return None


def info(**fields: Any) -> CameraInfo:
    message = CameraInfo(width=320, height=240, distortion_model="plumb_bob", d=[0.0] * 5, k=K, **fields)
    message.header.frame_id = "front_optical"
    return message


def test_a_lens_is_told_beside_the_images_and_may_change(
    bench: Bench, publisher: Publisher[Any], cameras: Cameras
) -> None:
    def told(message: CameraInfo, width: int) -> Any:
        publisher.publish(message)
        lens = known(cameras)
        return lens if lens is not None and lens.width == width else None

    assert bench.until(lambda: told(info(), 320), "the lens").focal == (250.0, 250.0)
    zoomed = info()
    zoomed.width, zoomed.height = 640, 480
    assert bench.until(lambda: told(zoomed, 640), "the other lens")


def test_a_camera_that_is_not_calibrated_is_refused_by_name_and_counted(
    bench: Bench, publisher: Publisher[Any], cameras: Cameras, refusals: Refusals
) -> None:
    message = info()
    message.k = [0.0] * 9

    def refused() -> bool:
        publisher.publish(message)
        return refusals.total > 0

    bench.until(refused, "the refusal")
    with pytest.raises(JudgeError, match=r"Its CameraInfo cannot be used\. .* not calibrated"):
        cameras.at("front", "base", 0)
    # The same again is passed over.
    assert refusals.total == 1


@pytest.mark.builds
def test_tf_tells_where_a_camera_on_the_hand_is_at_the_moment_of_a_picture(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    process = started("tf_check.py", compiled("tf2_msgs", tmp_path), output=said)
    assert process.wait(PATIENCE_S) == 0, said.read_text()
    assert said.read_text().splitlines()[-1] == "2.0 0.0 0.25"


@pytest.mark.parametrize(
    ("topic", "compressed", "expected"),
    [
        ("/cell/front/image", False, "/cell/front/camera_info"),
        ("/front/image_raw/compressed", True, "/front/camera_info"),
        ("/image", False, "/camera_info"),
    ],
)
def test_camera_info_is_beside_the_images(topic: str, compressed: bool, expected: str) -> None:
    assert beside(topic, camera(topic, compressed)) == expected


def test_cameras_of_which_all_is_given_are_not_listened_to(bench: Bench, refusals: Refusals) -> None:
    before = len(list(bench.node.subscriptions))
    inputs = GeometryInputs(bench.node, Cameras(), [camera("/front/image")], refusals)
    assert len(list(bench.node.subscriptions)) == before
    inputs.close()
