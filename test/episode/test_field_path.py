from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Pose, PoseArray, PoseStamped, Quaternion, WrenchStamped
from hypothesis import assume, given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Byte, Float64MultiArray, String

from vlm_judge_ros.episode.field_path import FieldPath
from vlm_judge_ros.episode.field_syntax import FUNCTIONS, FieldError, parse, written

RECORDED = get_typestore(Stores.ROS2_HUMBLE)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def read(field: str, message: Any) -> float | None:
    return FieldPath(field).read(message)


def as_recorded(message: Any, kind: str) -> Any:
    """The message as rosbags has it after reading it from a bag."""
    return RECORDED.deserialize_cdr(serialize_message(message), kind)


def wrench(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> WrenchStamped:
    message = WrenchStamped()
    message.wrench.force.x, message.wrench.force.y, message.wrench.force.z = x, y, z
    return message


def joints(**positions: float) -> JointState:
    numbers = list(positions.values())
    return JointState(name=list(positions), position=numbers, velocity=numbers, effort=numbers)


def turned(x: float, y: float, z: float, angle: float) -> PoseStamped:
    """A body turned about an axis of length 1, by an angle in rad."""
    message = PoseStamped()
    half = math.sin(angle / 2.0)
    message.pose.orientation = Quaternion(x=x * half, y=y * half, z=z * half, w=math.cos(angle / 2.0))
    return message


@pytest.mark.parametrize(
    ("field", "message", "kind", "value"),
    [
        ("wrench.force.z", wrench(z=-3.5), "geometry_msgs/msg/WrenchStamped", -3.5),
        ("abs(wrench.force.z)", wrench(z=-3.5), "geometry_msgs/msg/WrenchStamped", 3.5),
        ("norm(wrench.force)", wrench(2.0, 3.0, 6.0), "geometry_msgs/msg/WrenchStamped", 7.0),
        ("position[elbow]", joints(base=1.0, elbow=2.0), "sensor_msgs/msg/JointState", 2.0),
        ("position[1]", joints(base=1.0, elbow=2.0), "sensor_msgs/msg/JointState", 2.0),
        ("norm( position )", joints(base=3.0, elbow=4.0), "sensor_msgs/msg/JointState", 5.0),
        ("poses[1].position.z", PoseArray(poses=[Pose(), Pose()]), "geometry_msgs/msg/PoseArray", 0.0),
        ("data[2]", Float64MultiArray(data=[0.0, 1.0, 2.0]), "std_msgs/msg/Float64MultiArray", 2.0),
        ("data", Bool(data=True), "std_msgs/msg/Bool", 1.0),
        ("data", Byte(data=b"\x05"), "std_msgs/msg/Byte", 5.0),
        ("header.stamp.sec", wrench(), "geometry_msgs/msg/WrenchStamped", 0.0),
    ],
)
def test_live_and_recorded_messages_give_the_same_number(field: str, message: Any, kind: str, value: float) -> None:
    live, recorded = read(field, message), read(field, as_recorded(message, kind))
    assert live == recorded == value
    assert type(live) is type(recorded) is float


def test_the_angles_are_those_of_a_body_that_was_turned() -> None:
    assert read("roll(pose.orientation)", turned(1.0, 0.0, 0.0, 0.3)) == pytest.approx(0.3)
    assert read("pitch(pose.orientation)", turned(0.0, 1.0, 0.0, 0.3)) == pytest.approx(0.3)
    assert read("yaw(pose.orientation)", turned(0.0, 0.0, 1.0, 0.3)) == pytest.approx(0.3)
    assert read("tilt(pose.orientation)", turned(0.0, 0.0, 1.0, 0.3)) == pytest.approx(0.0)
    assert read("tilt(pose.orientation)", turned(0.6, 0.8, 0.0, 2.5)) == pytest.approx(2.5)


@given(st.floats(-3.1, 3.1), st.floats(-1.5, 1.5), st.floats(-3.1, 3.1))
def test_roll_pitch_and_yaw_are_those_that_a_rotation_was_made_of(roll: float, pitch: float, yaw: float) -> None:
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(angle / 2), math.sin(angle / 2)) for angle in (roll, pitch, yaw))
    message = PoseStamped()
    message.pose.orientation = Quaternion(
        w=cr * cp * cy + sr * sp * sy,
        x=sr * cp * cy - cr * sp * sy,
        y=cr * sp * cy + sr * cp * sy,
        z=cr * cp * sy - sr * sp * cy,
    )
    assert read("roll(pose.orientation)", message) == pytest.approx(roll, abs=1e-6)
    assert read("pitch(pose.orientation)", message) == pytest.approx(pitch, abs=1e-6)
    assert read("yaw(pose.orientation)", message) == pytest.approx(yaw, abs=1e-6)
    upright = math.cos(roll) * math.cos(pitch)
    assert read("tilt(pose.orientation)", message) == pytest.approx(math.acos(max(-1.0, min(1.0, upright))), abs=1e-6)


@given(st.tuples(st.floats(), st.floats(), st.floats(), st.floats()))
def test_any_four_numbers_give_an_angle_or_nan(numbers: tuple[float, float, float, float]) -> None:
    message = PoseStamped()
    message.pose.orientation = Quaternion(**dict(zip("xyzw", numbers, strict=True)))
    for function in ("roll", "pitch", "yaw", "tilt"):
        angle = read(f"{function}(pose.orientation)", message)
        assert angle is not None and (math.isnan(angle) or abs(angle) <= math.pi)


def test_an_orientation_that_was_never_set_has_no_angle() -> None:
    message = PoseStamped()
    message.pose.orientation = Quaternion(x=0.0, y=0.0, z=0.0, w=0.0)
    assert math.isnan(read("tilt(pose.orientation)", message) or 0.0)


def test_an_array_that_is_too_short_gives_nan() -> None:
    positions_alone = JointState(name=["base", "elbow"], position=[1.0, 2.0])
    assert math.isnan(read("velocity[elbow]", positions_alone) or 0.0)
    assert math.isnan(read("data[3]", Float64MultiArray(data=[1.0])) or 0.0)
    assert math.isnan(read("poses[0].position.z", PoseArray()) or 0.0)
    assert math.isnan(read("norm(data)", Float64MultiArray()) or 0.0)


def test_a_message_of_another_driver_tells_nothing_of_a_joint() -> None:
    finger = FieldPath("position[finger]")
    assert finger.read(joints(base=1.0, elbow=2.0)) is None
    assert finger.read(joints(finger=0.04)) == 0.04
    assert finger.read(joints(base=1.0, finger=0.02)) == 0.02
    assert finger.read(JointState()) is None


@given(st.lists(st.permutations(["a", "b", "c", "d"]), min_size=1, max_size=8))
def test_a_joint_is_found_wherever_it_stands(orders: list[list[str]]) -> None:
    field = FieldPath("position[c]")
    for order in orders:
        assert field.read(joints(**{name: float(ord(name)) for name in order})) == float(ord("c"))


def test_names_may_lie_around_the_message_that_holds_the_array() -> None:
    types = get_typestore(Stores.ROS2_JAZZY).types
    point, trajectory = types["trajectory_msgs/msg/JointTrajectoryPoint"], types["trajectory_msgs/msg/JointTrajectory"]
    time, duration = types["builtin_interfaces/msg/Time"], types["builtin_interfaces/msg/Duration"]
    header = types["std_msgs/msg/Header"]
    numbers = np.array([1.0, 2.0])
    first = point(numbers, numbers * 2, numbers, numbers, duration(0, 0))
    message = trajectory(header(time(0, 0), ""), ["base", "elbow"], [first])
    assert read("points[0].velocities[elbow]", message) == 4.0
    assert read("points[0].velocities[wrist]", message) is None


@pytest.mark.parametrize(
    ("field", "message", "why"),
    [
        ("wrench.forse.z", wrench(), "wrench has no forse; it has force, torque"),
        ("wrench.force", wrench(), r"take wrench.force.x, wrench.force.y or wrench.force.z, or norm\(wrench.force\)"),
        ("wrench.force.x.y", wrench(), "wrench.force.x is a number and has no y"),
        ("wrench[0]", wrench(), "wrench is a message and has no elements"),
        ("norm(wrench)", wrench(), "take the norm of wrench.force or wrench.torque"),
        ("norm(wrench.force.x)", wrench(), r"write abs\(wrench.force.x\)"),
        ("tilt(wrench.force)", wrench(), "wrench.force is no orientation"),
        ("position", joints(a=1.0), r"take position\[0\] or another element"),
        ("name[0]", joints(a=1.0), r"name\[0\] is a text"),
        ("data[elbow]", Float64MultiArray(), "no list of names lies beside data; give an index"),
        ("data", String(data="3"), "data is a text"),
        ("get_fields_and_field_types", wrench(), "it has no get_fields_and_field_types"),
        ("poses[0].position.q", PoseArray(poses=[Pose()]), r"poses\[0\].position has no q"),
    ],
)
def test_a_field_that_messages_do_not_have_is_refused_with_a_remedy(field: str, message: Any, why: str) -> None:
    with pytest.raises(FieldError, match=why):
        read(field, message)


def test_what_an_empty_array_did_not_tell_is_refused_when_it_has_elements() -> None:
    field = FieldPath("poses[0].position.q")
    assert math.isnan(field.read(PoseArray()) or 0.0)
    with pytest.raises(FieldError, match="has no q; it has x, y, z"):
        field.read(PoseArray(poses=[Pose()]))


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("", "cannot be read; write it as"),
        ("a..b", "at '.b'"),
        ("a.", "a name is missing at its end"),
        ("[3]", r"at '\[3\]'"),
        ("a[3", "nothing closes"),
        ("a[]", "in brackets"),
        ("a[-1]", "an index from 0"),
        ("a[9999999999]", "999999 is the largest"),
        ("a b", "at ' b'"),
        ("__class__", "cannot be read"),
        ("a.__dict__", "at '__dict__'"),
        ("norm(a", r"at '\(a'"),
        ("norm()", "cannot be read"),
        ("median(a)", r"asks for median\(\)"),
        ("a" * 300, "256 are the most"),
        (".".join("a" * 17), "17 steps deep"),
    ],
)
def test_what_is_no_field_is_refused_when_it_is_read(field: str, why: str) -> None:
    with pytest.raises(FieldError, match=why):
        FieldPath(field)


PARTS = st.one_of(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True).map(lambda name: f".{name}"),
    st.integers(0, 999_999).map(lambda index: f"[{index}]"),
    st.from_regex(r"[a-z][a-z0-9_/]{0,8}", fullmatch=True).map(lambda name: f"[{name}]"),
)


@given(st.sampled_from(("", *FUNCTIONS)), st.lists(PARTS, max_size=15))
def test_a_field_is_written_as_it_was_read(function: str, parts: list[str]) -> None:
    path = "a" + "".join(parts)
    text = f"{function}({path})" if function else path
    assume(len(text) <= 256)
    field = parse(text)
    assert str(field) == text
    assert written(field.steps) == path


@given(st.text(max_size=40) | st.text(alphabet="ab.[]()0_- norm", max_size=20), NUMBERS)
def test_any_text_is_a_field_or_is_refused_in_one_sentence(text: str, number: float) -> None:
    try:
        value = read(text, joints(a=number, b=number))
    except FieldError as error:
        assert "\n" not in str(error)
    else:
        assert value is None or isinstance(value, float)
