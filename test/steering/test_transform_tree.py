"""Where frames are in each other, by what TF told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.drawing.transform_tree import KEPT_S, LATE_S, MOST_FRAMES, TransformTree, between
from vlm_judge_ros.steering.transform import Transform

SECOND = 1_000_000_000
STRAIGHT = (0.0, 0.0, 0.0, 1.0)
QUARTER = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))
"""A quarter turn about z, to the left."""

angles = st.floats(-3.0, 3.0)
places = st.tuples(*[st.floats(-2.0, 2.0)] * 3)


def turned(yaw: float) -> tuple[float, float, float, float]:
    return (0.0, 0.0, math.sin(yaw / 2.0), math.cos(yaw / 2.0))


def arm(yaw: float = 0.0, stamp_ns: int = SECOND) -> TransformTree:
    """A base with a camera on a mast, and an arm with another on its hand."""
    tree = TransformTree()
    tree.add("base", "mast_camera", 0, (1.0, 0.0, 2.0), STRAIGHT, fixed=True)
    tree.add("base", "upper", stamp_ns, (0.0, 0.0, 1.0), turned(yaw))
    tree.add("upper", "hand", stamp_ns, (0.5, 0.0, 0.0), STRAIGHT)
    tree.add("hand", "hand_camera", 0, (0.0, 0.1, 0.0), STRAIGHT, fixed=True)
    return tree


def test_a_camera_on_the_hand_goes_where_the_arm_does() -> None:
    assert arm().pose("hand_camera", "base", SECOND).translation == pytest.approx([0.5, 0.1, 1.0])
    left = arm(math.pi / 2.0).pose("hand_camera", "base", SECOND)
    assert left.translation == pytest.approx([-0.1, 0.5, 1.0])
    assert left.rotation @ [1.0, 0.0, 0.0] == pytest.approx([0.0, 1.0, 0.0])


def test_a_frame_is_at_home_in_itself_and_both_ways_lead_back() -> None:
    tree = arm(0.4)
    assert tree.pose("hand", "hand", SECOND).translation == pytest.approx([0.0, 0.0, 0.0])
    there, back = (tree.pose(*names, SECOND) for names in (("hand", "mast_camera"), ("mast_camera", "hand")))
    assert (there @ back).translation == pytest.approx([0.0, 0.0, 0.0])
    assert (there @ back).rotation == pytest.approx(np.eye(3))


def test_between_two_moments_place_and_angle_change_evenly() -> None:
    tree = TransformTree()
    # Out of order, as messages of several publishers come.
    tree.add("base", "hand", 2 * SECOND, (1.0, 0.0, 0.0), turned(0.8))
    tree.add("base", "hand", SECOND, (0.0, 0.0, 0.0), STRAIGHT)
    quarter = tree.pose("hand", "base", SECOND + SECOND // 4)
    assert quarter.translation == pytest.approx([0.25, 0.0, 0.0])
    assert quarter.rotation @ [1.0, 0.0, 0.0] == pytest.approx([math.cos(0.2), math.sin(0.2), 0.0])


@given(angles, angles, places, places, st.floats(0.0, 1.0))
def test_the_way_between_two_poses_begins_and_ends_there_and_is_a_rotation(
    first: float, second: float, here: tuple[float, ...], there: tuple[float, ...], share: float
) -> None:
    poses = Transform.of_quaternion(here, turned(first)), Transform.of_quaternion(there, turned(second))
    for at, expected in ((0.0, poses[0]), (1.0, poses[1])):
        assert between(*poses, at).rotation == pytest.approx(expected.rotation, abs=1e-6)
    rotation = between(*poses, share).rotation
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_the_newest_transform_holds_for_a_while_and_then_no_more() -> None:
    tree = arm()
    assert tree.pose("hand", "base", SECOND + int(0.9 * LATE_S * SECOND)).translation[0] == 0.5
    with pytest.raises(JudgeError, match=r"where the frame \w+ is 1.00 s before the picture"):
        tree.pose("hand", "base", 2 * SECOND)
    with pytest.raises(JudgeError, match=r"only from 0.50 s after the picture on"):
        tree.pose("hand", "base", SECOND // 2)
    # What is fixed is there at all times.
    assert tree.pose("mast_camera", "base", 99 * SECOND).translation == pytest.approx([1.0, 0.0, 2.0])


@pytest.mark.parametrize(
    ("frame", "inside", "words"),
    [
        ("gripper", "base", "of gripper it tells nothing"),
        ("hand", "map", "hand hangs on base and of map it tells nothing"),
        ("hand", "table", "hand hangs on base and table hangs on room"),
        ("hand", "room", "room hangs on nothing"),
    ],
)
def test_what_is_not_told_is_named(frame: str, inside: str, words: str) -> None:
    tree = arm()
    tree.add("room", "table", SECOND, (0.0, 0.0, 0.0), STRAIGHT)
    with pytest.raises(JudgeError, match=words):
        tree.pose(frame, inside, SECOND)


def test_frames_that_hang_on_each_other_are_refused_and_end_nothing() -> None:
    tree = arm()
    tree.add("hand", "base", SECOND, (0.0, 0.0, 0.0), STRAIGHT)
    with pytest.raises(JudgeError, match="inside itself"):
        tree.pose("hand", "mast_camera", SECOND)
    with pytest.raises(JudgeError, match="'base' in 'base'"):
        tree.add("base", "/base", SECOND, (0.0, 0.0, 0.0), STRAIGHT)


def test_what_is_no_pose_is_refused_where_it_is_needed() -> None:
    tree = arm()
    tree.add("hand", "hand_camera", 0, (math.nan, 0.0, 0.0), STRAIGHT, fixed=True)
    with pytest.raises(JudgeError, match="is no pose"):
        tree.pose("hand_camera", "base", SECOND)
    assert tree.pose("hand", "base", SECOND).translation[0] == 0.5


def test_a_clock_that_is_set_back_makes_forget() -> None:
    tree = arm(stamp_ns=100 * SECOND)
    for frame, parent in (("upper", "base"), ("hand", "upper")):
        tree.add(parent, frame, SECOND, (0.0, 0.0, 0.25), STRAIGHT)
    assert tree.pose("hand", "base", SECOND).translation == pytest.approx([0.0, 0.0, 0.5])


def test_a_frame_may_change_its_parent() -> None:
    tree = arm()
    tree.add("mast_camera", "hand", 2 * SECOND, (0.0, 0.0, 0.0), STRAIGHT)
    assert tree.pose("hand", "base", 2 * SECOND).translation == pytest.approx([1.0, 0.0, 2.0])


def test_memory_is_bounded() -> None:
    tree = TransformTree()
    for turn in range(20_000):
        tree.add("base", "hand", turn * SECOND // 1000, (turn * 1e-3, 0.0, 0.0), QUARTER)
    newest_s = 19.999
    assert tree.pose("hand", "base", int(19.5 * SECOND)).translation[0] == pytest.approx(19.5)
    with pytest.raises(JudgeError, match="after the picture on"):
        tree.pose("hand", "base", int((newest_s - KEPT_S - 0.5) * SECOND))
    with pytest.raises(JudgeError, match=f"more than {MOST_FRAMES} frames"):
        for turn in range(MOST_FRAMES):
            tree.add("base", f"object_{turn}", SECOND, (0.0, 0.0, 0.0), STRAIGHT)
