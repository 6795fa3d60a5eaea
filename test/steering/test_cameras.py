"""Cameras of which a file, CameraInfo and TF tell parts."""

from __future__ import annotations

import pytest
from steering.drawn_scene import CAMERA, LENS

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.drawing.cameras import CameraPlace, Cameras
from vlm_judge_ros.steering.transform import Transform

STRAIGHT = (0.0, 0.0, 0.0, 1.0)
RAISED = Transform.of_quaternion((0.0, 0.0, 1.0), STRAIGHT)


def test_a_camera_of_which_all_is_given_asks_for_nothing() -> None:
    cameras = Cameras.still({"front": CAMERA})
    assert (cameras.of_info, cameras.of_tf) == ((), ())
    assert "front" in cameras and "wrist" not in cameras
    # A pose that was given stays in its own frame, whatever is asked for.
    assert cameras.at("front", "world", 7).frame_id == "base"


def test_camera_info_gives_the_lens_and_the_file_the_pose() -> None:
    cameras = Cameras({"front": CameraPlace(frame_id="base", pose=RAISED)})
    assert (cameras.of_info, cameras.of_tf) == (("front",), ())
    with pytest.raises(JudgeError, match="No CameraInfo"):
        cameras.at("front", "base", 0)
    cameras.add_lens("front", LENS, "front_optical")
    seen = cameras.at("front", "base", 0)
    assert (seen.lens, seen.frame_id, seen.pose) == (LENS, "base", RAISED)


def test_tf_tells_where_a_camera_is_at_the_moment_of_the_picture() -> None:
    cameras = Cameras({"wrist": CameraPlace(LENS)})
    assert (cameras.of_info, cameras.of_tf) == (("wrist",), ("wrist",))
    cameras.add_lens("wrist", LENS.scaled_to(32, 24), "hand_optical")
    with pytest.raises(JudgeError, match="of hand_optical it tells nothing"):
        cameras.at("wrist", "base", 10)
    for stamp_ns, height in ((10, 1.0), (20, 2.0)):
        cameras.tree.add("base", "hand_optical", stamp_ns, (0.0, 0.0, height), STRAIGHT)
    seen = cameras.at("wrist", "base", 15)
    # The numbers of the file count more than those of the CameraInfo.
    assert (seen.lens, seen.frame_id) == (LENS, "base")
    assert seen.pose.translation == pytest.approx([0.0, 0.0, 1.5])


def test_a_camera_info_that_cannot_be_used_is_the_reason_until_another_comes() -> None:
    cameras = Cameras({"front": CameraPlace(frame_id="base", pose=RAISED)})
    cameras.add_lens("front", LENS, "front_optical")
    cameras.refuse_lens("front", "Its CameraInfo cannot be used.")
    with pytest.raises(JudgeError, match="Its CameraInfo cannot be used"):
        cameras.at("front", "base", 0)
    cameras.add_lens("front", LENS, "front_optical")
    assert cameras.at("front", "base", 0).lens == LENS
