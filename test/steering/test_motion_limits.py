"""Candidates that break a limit are out, with the reason; others are not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vlm_judge_ros.steering.arm import Arm
from vlm_judge_ros.steering.candidate import Candidate, EndEffectorPath, JointTrajectory
from vlm_judge_ros.steering.motion_limits import JointLimits, MotionLimits, Workspace, motion_veto

BOX = Workspace(frame_id="base", lowest=(-0.5, -0.5, 0.0), highest=(0.5, 0.5, 0.8), speed=1.0)
LIMITS = MotionLimits(joints={"elbow": JointLimits(lowest=-1.0, highest=2.0, speed=3.0)}, workspace=BOX)


def path(*points: tuple[float, float, float], frame: str = "base", step_s: float = 1.0) -> Candidate:
    return Candidate(path=EndEffectorPath(frame, np.arange(len(points)) * step_s, np.array(points, dtype=np.float64)))


def elbow(*positions: float, step_s: float = 1.0, name: str = "elbow") -> Candidate:
    return Candidate(
        joints=JointTrajectory(
            (name,), np.arange(len(positions)) * step_s, np.array(positions, dtype=np.float64)[:, None]
        )
    )


def test_a_candidate_within_all_limits_is_in() -> None:
    assert motion_veto(path((0.0, 0.0, 0.2), (0.4, 0.4, 0.7)), LIMITS) == ""
    assert motion_veto(elbow(0.0, 1.9), LIMITS) == ""


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (path((0.0, 0.0, 0.2), (0.0, 0.0, -0.01)), "leave the workspace 1.00 s"),
        (path((0.0, 0.0, 0.2), (0.0, 0.4, 0.2), step_s=0.1), "4 m/s, above its limit of 1"),
        (path((0.0, 0.0, 0.2), frame="camera"), "frame camera"),
        (elbow(0.0, 2.5), "above its limit of 2"),
        (elbow(0.0, -1.5), "below its limit of -1"),
        (elbow(0.0, 1.0, step_s=0.1), "10 of its unit in a second"),
    ],
)
def test_a_candidate_that_breaks_a_limit_is_out(candidate: Candidate, words: str) -> None:
    assert words in motion_veto(candidate, LIMITS)


ARM = Arm.of_urdf(
    """<robot name="arm"><link name="base"/><link name="hand"/><joint name="elbow" type="revolute">
    <parent link="base"/><child link="swing"/><origin xyz="0 0 0.4"/><axis xyz="0 1 0"/></joint><link name="swing"/>
    <joint name="grip" type="fixed"><parent link="swing"/><child link="hand"/><origin xyz="0.3 0 0"/></joint>
    </robot>""",
    "hand",
)
"""A hand that swings up and down at 0.3 m from a joint at the height of 0.4 m."""


def test_joints_that_lead_the_end_effector_out_of_the_workspace_are_out() -> None:
    floor = MotionLimits(workspace=Workspace(frame_id="base", lowest=(-0.5, -0.5, 0.2), highest=(0.5, 0.5, 0.9)))
    assert motion_veto(elbow(-0.5, 0.5), floor, ARM) == ""
    assert "leave the workspace 0.75 s" in motion_veto(elbow(0.0, 1.0), floor, ARM)
    # Both ends are high enough, what lies between them is not.
    assert "leave the workspace" in motion_veto(elbow(0.4, math.pi - 0.4), floor, ARM)
    # Without a URDF nobody knows.
    assert motion_veto(elbow(0.0, 1.0), floor) == ""


def test_the_end_effector_may_not_be_led_too_fast_and_joints_of_which_too_few_are_told_are_out() -> None:
    slow = MotionLimits(workspace=BOX)
    assert "The end effector would move at 1.5 m/s" in motion_veto(elbow(0.0, 0.5, step_s=0.1), slow, ARM)
    assert "lacks elbow" in motion_veto(elbow(0.0, name="wrist"), slow, ARM)


def test_what_is_not_told_or_not_limited_refuses_nobody() -> None:
    assert motion_veto(Candidate(), LIMITS) == ""
    assert motion_veto(elbow(99.0, name="wrist"), LIMITS) == ""


@given(st.lists(st.tuples(*[st.floats(-1.0, 1.0)] * 3), min_size=1, max_size=8))
def test_no_point_outside_the_workspace_passes(points: list[tuple[float, float, float]]) -> None:
    inside = all(
        low <= value <= high
        for point in points
        for low, value, high in zip(BOX.lowest, point, BOX.highest, strict=True)
    )
    slow = MotionLimits(workspace=BOX.model_copy(update={"speed": None}))
    assert (motion_veto(path(*points), slow) == "") == inside


def test_limits_that_leave_no_room_are_refused() -> None:
    with pytest.raises(ValidationError):
        JointLimits(lowest=1.0, highest=0.0)
    with pytest.raises(ValidationError):
        Workspace(frame_id="base", lowest=(0.0, 0.0, 1.0), highest=(1.0, 1.0, 0.0))
