"""Forward kinematics by a URDF."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.arm import Arm, read_arm
from vlm_judge_ros.steering.candidate import JointTrajectory

LINKS = "".join(f'<link name="{name}"/>' for name in ("base", "upper", "lower", "hand", "left", "right"))
# Two bars of 0.5 m and 0.3 m in a plane, a hand that slides out at their end, and two fingers.
ARM = f"""<?xml version="1.0"?>
<robot name="arm">
  {LINKS}
  <joint name="shoulder" type="revolute">
    <parent link="base"/><child link="upper"/><origin xyz="0 0 1"/><axis xyz="0 0 2"/>
    <limit lower="-3" upper="3" effort="1" velocity="1"/>
  </joint>
  <joint name="elbow" type="continuous">
    <parent link="upper"/><child link="lower"/><origin xyz="0.5 0 0" rpy="0 0 0"/><axis xyz="0 0 1"/>
  </joint>
  <joint name="slide" type="prismatic">
    <parent link="lower"/><child link="hand"/><origin xyz="0.3 0 0" rpy="0 1.5707963267948966 0"/><axis xyz="0 0 1"/>
    <limit lower="0" upper="1" effort="1" velocity="1"/>
  </joint>
  <joint name="finger" type="prismatic"><parent link="hand"/><child link="left"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/></joint>
  <joint name="other_finger" type="prismatic"><parent link="hand"/><child link="right"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/><mimic joint="finger" multiplier="-1" offset="0.01"/></joint>
</robot>"""


def moved(**positions: float) -> JointTrajectory:
    return JointTrajectory(tuple(positions), np.zeros(1), np.array([list(positions.values())]))


def place(arm: Arm, **positions: float) -> np.ndarray:
    return arm.path(moved(**positions)).positions[0]


def test_the_hand_is_where_a_drawing_on_paper_puts_it() -> None:
    arm = Arm.of_urdf(ARM, "hand")
    assert arm.drivers == ("shoulder", "elbow", "slide")
    assert place(arm, shoulder=0, elbow=0, slide=0) == pytest.approx([0.8, 0, 1])
    assert place(arm, shoulder=math.pi / 2, elbow=0, slide=0) == pytest.approx([0, 0.8, 1])
    assert place(arm, shoulder=math.pi / 2, elbow=-math.pi / 2, slide=0) == pytest.approx([0.3, 0.5, 1])
    # The hand is turned about y by a quarter, so that its z points on along the lower bar.
    assert place(arm, shoulder=math.pi / 2, elbow=-math.pi / 2, slide=0.2) == pytest.approx([0.5, 0.5, 1])


angle = st.floats(-7.0, 7.0)


@given(angle, angle, st.floats(-1.0, 1.0))
def test_a_planar_arm_follows_its_formula(shoulder: float, elbow: float, slide: float) -> None:
    expected = 0.5 * np.array([math.cos(shoulder), math.sin(shoulder), 0]) + (0.3 + slide) * np.array(
        [math.cos(shoulder + elbow), math.sin(shoulder + elbow), 0]
    )
    found = place(Arm.of_urdf(ARM, "hand"), shoulder=shoulder, elbow=elbow, slide=slide)
    assert found == pytest.approx(expected + np.array([0, 0, 1]), abs=1e-9)


def test_a_joint_that_mimics_another_follows_it() -> None:
    arm = Arm.of_urdf(ARM, "right", root="hand")
    assert arm.drivers == ("finger",)
    assert place(arm, finger=0.03) == pytest.approx([0, -0.02, 0])
    assert place(Arm.of_urdf(ARM, "left", root="hand"), finger=0.03) == pytest.approx([0, 0.03, 0])


def test_a_path_has_the_times_of_the_joints_and_the_frame_of_the_root() -> None:
    times = np.array([0.0, 0.5, 2.0])
    positions = np.array([[9.0, 0.0, 0.0, 0.0], [9.0, 0.1, 0.0, 0.0], [9.0, 0.2, 0.0, 0.0]])
    joints = JointTrajectory(("neck", "slide", "elbow", "shoulder"), times, positions)
    path = Arm.of_urdf(ARM, "hand").path(joints)
    assert path.frame_id == "base"
    assert path.times_s is times
    assert path.positions[:, 0] == pytest.approx([0.8, 0.9, 1.0])
    assert Arm.of_urdf(ARM, "hand", root="upper").path(joints).frame_id == "upper"


def test_a_joint_that_is_not_told_is_named() -> None:
    with pytest.raises(JudgeError, match="lacks elbow, slide, on which"):
        place(Arm.of_urdf(ARM, "hand"), shoulder=0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<robot", "<robots", "mismatched tag"),
        ('<?xml version="1.0"?>', '<!DOCTYPE robot [<!ENTITY a "aaaa">]>', "document type"),
        ('type="continuous"', 'type="floating"', "elbow .* 'floating'"),
        ('<axis xyz="0 0 2"/>', '<axis xyz="0 0 0"/>', "axis of the joint shoulder"),
        ('xyz="0.5 0 0"', 'xyz="0.5 0"', "joint elbow .* '0.5 0'; give 3 finite numbers"),
        ('xyz="0.5 0 0"', 'xyz="nan 0 0"', "'nan 0 0'"),
        ('<parent link="base"/>', "", "shoulder .* no parent"),
        ('<parent link="base"/>', '<parent link="hand"/>', "hangs on itself"),
        ('<child link="left"/>', '<child link="hand"/>', "hand of the URDF hangs on two"),
        ('<link name="hand"/>', "", "no link 'hand'"),
    ],
)
def test_a_urdf_that_cannot_be_used_is_refused_with_the_place(old: str, new: str, message: str) -> None:
    assert old in ARM
    with pytest.raises(JudgeError, match=message):
        Arm.of_urdf(ARM.replace(old, new), "hand")


def test_a_mimic_that_leads_nowhere_is_refused() -> None:
    for target, message in (("nobody", "mimics 'nobody'"), ("other_finger", "mimics itself")):
        with pytest.raises(JudgeError, match=message):
            Arm.of_urdf(ARM.replace('mimic joint="finger"', f'mimic joint="{target}"'), "right")


def test_entities_that_multiply_are_not_even_begun() -> None:
    bomb = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 40))
    with pytest.raises(JudgeError, match="document type"):
        Arm.of_urdf(f"<!DOCTYPE robot [{bomb}]><robot>&a39;</robot>", "hand")


def test_a_root_beside_the_way_is_refused() -> None:
    with pytest.raises(JudgeError, match="leads from base to left, and not from right"):
        Arm.of_urdf(ARM, "left", root="right")


def test_a_file_is_read_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "arm.urdf").write_text(ARM)
    assert place(read_arm(str(tmp_path / "arm.urdf"), "hand"), shoulder=0, elbow=0, slide=0)[0] == pytest.approx(0.8)
    with pytest.raises(JudgeError, match="cannot be read"):
        read_arm(str(tmp_path / "none.urdf"), "hand")
    (tmp_path / "bytes.urdf").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(JudgeError, match="cannot be read"):
        read_arm(str(tmp_path / "bytes.urdf"), "hand")


vectors = st.tuples(*[st.floats(-1.0, 1.0, width=16)] * 3)
joints = st.tuples(
    st.sampled_from(["revolute", "continuous", "prismatic", "fixed"]),
    vectors,
    vectors,
    vectors.filter(lambda axis: math.hypot(*axis) > 0.1),
    st.floats(-2.0, 2.0, width=16),
)


@settings(max_examples=30)
@given(st.lists(joints, min_size=1, max_size=6))
def test_any_arm_is_as_mujoco_has_it(arm: list[tuple[str, tuple[float, ...], tuple[float, ...], tuple[float, ...], float]]) -> None:  # fmt: skip  # noqa: E501
    mujoco = pytest.importorskip("mujoco")
    inertia = '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>'
    text = f'<robot name="any"><link name="l0">{inertia}</link>'
    for number, (kind, xyz, rpy, axis, _) in enumerate(arm):
        vectors = (" ".join(map(repr, values)) for values in (xyz, rpy, axis))
        place_, turn, direction = vectors
        text += (
            f'<link name="l{number + 1}">{inertia}</link><joint name="j{number}" type="{kind}">'
            f'<parent link="l{number}"/><child link="l{number + 1}"/><origin xyz="{place_}" rpy="{turn}"/>'
            f'<axis xyz="{direction}"/><limit lower="-9" upper="9" effort="1" velocity="1"/></joint>'
        )
    text += "</robot>"
    compiler = '<mujoco><compiler fusestatic="false"/></mujoco>'
    model = mujoco.MjModel.from_xml_string(text.replace("</robot>", f"{compiler}</robot>"))
    data = mujoco.MjData(model)
    last = f"l{len(arm)}"
    for number, (kind, *_, position) in enumerate(arm):
        if kind != "fixed":
            data.joint(f"j{number}").qpos[0] = position
    mujoco.mj_kinematics(model, data)
    found = Arm.of_urdf(text, last).path(moved(**{f"j{number}": one[-1] for number, one in enumerate(arm)}))
    assert found.positions[0] == pytest.approx(data.body(last).xpos, abs=1e-9)
