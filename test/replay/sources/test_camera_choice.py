from __future__ import annotations

import pytest

from vlm_judge_ros.replay.bag import BagError
from vlm_judge_ros.replay.sources.camera_choice import guess_cameras

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


def guess(*topics: str, **counts: int) -> dict[str, str]:
    types = {name: COMPRESSED if name.endswith("compressed") else RAW for name in topics}
    types["/imu"] = "sensor_msgs/msg/Imu"
    return guess_cameras("a.mcap", types, {name: counts.get(name.strip("/"), 5) for name in types})


@pytest.mark.parametrize(
    ("topics", "cameras"),
    [
        (["/front/image", "/wrist/image"], {"front": "/front/image", "wrist": "/wrist/image"}),
        (["/cam_high/image_raw", "/cam_left_wrist/image_raw"], {"front": "/cam_high/image_raw"}),
        (["/static/rgb/image", "/in_hand/rgb/image"], {"wrist": "/in_hand/rgb/image"}),
        (["/side/image/compressed"], {"front": "/side/image/compressed"}),
        (["/gripper_camera/image"], {"wrist": "/gripper_camera/image"}),
        (["/front/image", "/front/image/compressed"], {"front": "/front/image"}),
        (
            ["/front/image_raw/compressed", "/front/depth/image_raw", "/front/mask"],
            {"front": "/front/image_raw/compressed"},
        ),
        (["/front/image", "/front/image_mono", "/wrist/infra1/image_rect_raw"], {"front": "/front/image"}),
        (["/cam/image_mono"], {"front": "/cam/image_mono"}),
        (["/front/image", "/judge/annotated/compressed"], {"front": "/front/image"}),
    ],
)
def test_one_pair_is_understood_by_its_names(topics: list[str], cameras: dict[str, str]) -> None:
    assert guess(*topics).items() >= cameras.items()


def test_topics_without_messages_are_no_cameras() -> None:
    assert guess("/front", "/spare", spare=0) == {"front": "/front"}


@pytest.mark.parametrize(
    ("topics", "example"),
    [
        (["/left/image", "/right/image"], "--camera front=/left/image --camera wrist=/right/image"),
        (["/front/image", "/side/image", "/wrist/image"], "--camera front=/front/image --camera wrist=/wrist/image"),
        (["/front/depth/image"], "--camera front=/front/depth/image"),
    ],
)
def test_where_it_takes_a_person_the_question_lists_what_there_is(topics: list[str], example: str) -> None:
    with pytest.raises(BagError) as caught:
        guess(*topics)
    sentence = str(caught.value)
    assert all(f"{name} ({RAW}, 5 messages)" in sentence for name in topics)
    assert f"for example {example}, or with --topics FILE." in sentence


def test_a_bag_without_images_says_what_it_has() -> None:
    with pytest.raises(
        BagError, match=r"No topic of a.mcap holds images; it has /imu \(sensor_msgs/msg/Imu, 5 messages\)"
    ):
        guess()
