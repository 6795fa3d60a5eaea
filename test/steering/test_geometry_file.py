"""Files that tell where cameras are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.drawing.geometry_file import read_cameras

POSE = "{frame_id: base_link, position: [0, 0, 1], orientation: [0, 0, 0, 1]}"
FILE = """
cameras:
  front:
    width: 640
    height: 480
    distortion_model: plumb_bob
    d: [-0.1, 0.01, 0.0, 0.0, 0.0]
    k: [500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0]
    pose:
      frame_id: base_link
      position: [1.0, 0.0, 0.5]
      # Looks back at the robot: its x is the base's y, its y points down, its z is the base's -x.
      orientation: [0.5, 0.5, -0.5, -0.5]
"""


def test_a_camera_before_the_robot_sees_the_robot_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(FILE)
    camera = read_cameras(str(path)).at("front", "base_link", 0)
    points = camera.pose.inverse().apply(np.array([[0.0, 0.0, 0.5], [0.0, 0.1, 0.5], [0.0, 0.0, 0.6]]))
    centre, left_of_robot, above = camera.lens.project(points)
    assert centre == pytest.approx([320, 240])
    assert left_of_robot[0] > 360, "the robot's left is to the right of who faces it"
    assert above[1] < 200
    assert camera.frame_id == "base_link"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("k: [500.0, ", "k: [", "cameras.front.k"),
        ("k: [500.0", "k: [0.0", "camera front of .* not calibrated"),
        ("[0.5, 0.5, -0.5, -0.5]", "[0.5, 0.5, -0.5, 0.0]", "no pose"),
        ("frame_id: base_link", "frame_id: ''", "frame_id"),
        ("height", "heigth", "heigth"),
        ("plumb_bob", "division", "'division' is not known"),
        ("    width: 640\n", "", "only height and k of width, height and k is given"),
        ("    width: 640\n    height: 480\n", "    info_topic: /x\n", "only k of width"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "cameras.yaml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    with pytest.raises(JudgeError, match=message):
        read_cameras(str(path))


def test_what_is_left_out_comes_from_camera_info_and_tf(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text("cameras: {front: {}, wrist: {info_topic: /arm/info, pose: POSE}}".replace("POSE", POSE))
    cameras = read_cameras(str(path))
    assert (cameras.of_info, cameras.of_tf) == (("front", "wrist"), ("front",))
    assert [cameras.info_topic(name) for name in cameras.names] == ["", "/arm/info"]
    with pytest.raises(JudgeError, match="No CameraInfo of it has come"):
        cameras.at("front", "base_link", 0)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="cannot be read"):
        read_cameras(str(tmp_path / "none.yaml"))
