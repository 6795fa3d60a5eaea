"""Rigid transformations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.transform import Transform, about_axis

angles = st.floats(-7.0, 7.0)
places = arrays(np.float64, 3, elements=st.floats(-5.0, 5.0))
poses = st.builds(Transform.of_angles, places, angles, angles, angles)


@given(angles, angles, angles)
def test_angles_are_about_the_fixed_axes_as_in_urdf(roll: float, pitch: float, yaw: float) -> None:
    expected = Rotation.from_euler("xyz", [roll, pitch, yaw]).as_matrix()
    assert Transform.of_angles((0, 0, 0), roll, pitch, yaw).rotation == pytest.approx(expected, abs=1e-12)


@given(arrays(np.float64, 4, elements=st.floats(-1.0, 1.0)).filter(lambda q: float(np.linalg.norm(q)) > 0.1))
def test_quaternions_have_their_real_part_last_as_in_ros(quaternion: np.ndarray) -> None:
    unit = quaternion / np.linalg.norm(quaternion)
    expected = Rotation.from_quat(unit).as_matrix()
    assert Transform.of_quaternion((0, 0, 0), unit).rotation == pytest.approx(expected, abs=1e-12)


@given(poses, poses, arrays(np.float64, (4, 3), elements=st.floats(-5.0, 5.0)))
def test_poses_chain_and_turn_back(outer: Transform, inner: Transform, points: np.ndarray) -> None:
    assert (outer @ inner).apply(points) == pytest.approx(outer.apply(inner.apply(points)), abs=1e-9)
    assert inner.inverse().apply(inner.apply(points)) == pytest.approx(points, abs=1e-9)


def test_a_turn_about_an_axis_follows_the_right_hand() -> None:
    turned = about_axis(np.array([0.0, 0.0, 1.0]), math.pi / 2) @ np.array([1.0, 0.0, 0.0])
    assert turned == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)


@pytest.mark.parametrize("orientation", [(0, 0, 0, 0), (0, 0, 0, 2), (math.nan, 0, 0, 1)])
def test_a_quaternion_that_is_no_rotation_is_refused(orientation: tuple[float, ...]) -> None:
    with pytest.raises(JudgeError, match="no pose"):
        Transform.of_quaternion((0, 0, 0), orientation)
