"""What refuses a candidate before any model is asked: a joint, a speed or a place that is out of bounds."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.arm import Arm
from vlm_judge_ros.steering.candidate import Candidate, EndEffectorPath, Floats, JointTrajectory

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)
_STEP = 0.05
"""Radians, or metres, that a joint moves between two points that are looked at."""
_MOST_STEPS = 200
_Point: TypeAlias = tuple[pydantic.FiniteFloat, pydantic.FiniteFloat, pydantic.FiniteFloat]


class JointLimits(pydantic.BaseModel):
    """Limits of one joint. None: no limit.

    Attributes:
        lowest: radians, or metres for a sliding joint.
        highest: the same.
        speed: radians, or metres, in a second.
    """

    model_config = _STRICT

    lowest: pydantic.FiniteFloat | None = None
    highest: pydantic.FiniteFloat | None = None
    speed: pydantic.FiniteFloat | None = pydantic.Field(default=None, gt=0.0)

    @pydantic.model_validator(mode="after")
    def _leaves_room(self) -> JointLimits:
        if self.lowest is not None and self.highest is not None and self.lowest > self.highest:
            raise ValueError(f"lowest is {self.lowest:g} and highest {self.highest:g}")
        return self


class Workspace(pydantic.BaseModel):
    """A box in which the end effector has to stay.

    Attributes:
        frame_id: coordinate frame of the corners.
        lowest: x, y, z of one corner, metres.
        highest: x, y, z of the opposite corner, metres.
        speed: of the end effector, metres in a second; None for no limit.
    """

    model_config = _STRICT

    frame_id: str = pydantic.Field(min_length=1)
    lowest: _Point
    highest: _Point
    speed: pydantic.FiniteFloat | None = pydantic.Field(default=None, gt=0.0)

    @pydantic.model_validator(mode="after")
    def _leaves_room(self) -> Workspace:
        if any(low > high for low, high in zip(self.lowest, self.highest, strict=True)):
            raise ValueError("a coordinate of lowest is above that of highest")
        return self


class MotionLimits(pydantic.BaseModel):
    """What no candidate may do.

    Attributes:
        joints: limits by the name of the joint; others are not looked at.
        workspace: None for none.
    """

    model_config = _STRICT

    joints: dict[str, JointLimits] = {}
    workspace: Workspace | None = None


def motion_veto(candidate: Candidate, limits: MotionLimits, arm: Arm | None = None) -> str:
    """Why a candidate is refused, one sentence; empty where it is not.

    A candidate that does not tell its path, or its joints, cannot be refused for them. A path in another coordinate
    frame than that of the workspace is refused, because it cannot be held against it, and so are joints of which too
    few are told.

    Args:
        candidate: what it would do.
        limits: what it may not do.
        arm: where joints lead the end effector, so that they are held against the workspace as well.
    """
    joints, path, workspace = candidate.joints, candidate.path, limits.workspace
    reason = _joints_veto(joints, limits) if joints is not None else ""
    if reason or workspace is None:
        return reason
    if path is not None:
        reason = _path_veto(path, workspace)
    if not reason and joints is not None and arm is not None:
        try:
            reason = _path_veto(arm.path(_filled_in(joints)), workspace)
        except JudgeError as error:
            reason = str(error)
    return reason


def _filled_in(joints: JointTrajectory) -> JointTrajectory:
    """With points between those that are far apart: where joints move evenly, a link goes on an arc and no line."""
    times_s, positions = joints.times_s, joints.positions
    if len(times_s) < 2:
        return joints
    widest = np.abs(np.diff(positions, axis=0)).max(axis=1, initial=0.0)
    counts = np.clip(np.ceil(widest / _STEP), 1, _MOST_STEPS).astype(np.int64)
    shares = np.concatenate([np.arange(count) / count for count in counts] + [np.zeros(1)])
    places = np.append(np.repeat(np.arange(len(counts)), counts), len(counts)) + shares
    at = np.arange(len(times_s))
    filled = np.column_stack([np.interp(places, at, column) for column in positions.T])
    return JointTrajectory(joints.names, np.interp(places, at, times_s), filled)


def _joints_veto(joints: JointTrajectory, limits: MotionLimits) -> str:
    for column, name in enumerate(joints.names):
        limit = limits.joints.get(name)
        if limit is None:
            continue
        positions = joints.positions[:, column]
        bounds = (limit.lowest, limit.highest)
        low, high = (np.nan if bound is None else bound for bound in bounds)  # no comparison with NaN is true
        outside = (positions < low) | (positions > high)
        if outside.any():
            first = int(np.argmax(outside))
            bound, side = (low, "below") if positions[first] < low else (high, "above")
            return (
                f"Joint {name} would be at {positions[first]:.3f}, {side} its limit of {bound:g}, "
                f"{joints.times_s[first]:.2f} s after the start."
            )
        if limit.speed is not None and len(positions) > 1:
            speeds = np.abs(np.diff(positions)) / np.diff(joints.times_s)
            if speeds.max() > limit.speed:
                return _too_fast(f"Joint {name}", speeds, joints.times_s, limit.speed, "")
    return ""


def _path_veto(path: EndEffectorPath, workspace: Workspace) -> str:
    if path.frame_id != workspace.frame_id:
        return (
            f"The path is in the frame {path.frame_id}, and the workspace in {workspace.frame_id}; send it in that one."
        )
    lowest, highest = np.array(workspace.lowest), np.array(workspace.highest)
    outside = ((path.positions < lowest) | (path.positions > highest)).any(axis=1)
    if outside.any():
        first = int(np.argmax(outside))
        place = ", ".join(f"{value:.3f}" for value in path.positions[first])
        return (
            f"The end effector would leave the workspace {path.times_s[first]:.2f} s after the start, at ({place}) m."
        )
    if workspace.speed is not None and len(path.times_s) > 1:
        speeds = np.linalg.norm(np.diff(path.positions, axis=0), axis=1) / np.diff(path.times_s)
        if speeds.max() > workspace.speed:
            return _too_fast("The end effector", speeds, path.times_s, workspace.speed, " m/s")
    return ""


def _too_fast(what: str, speeds: Floats, times_s: Floats, limit: float, unit: str) -> str:
    first = int(np.argmax(speeds > limit))
    return (
        f"{what} would move at {speeds[first]:.3g}{unit or ' of its unit in a second'}, above its limit of {limit:g}, "
        f"{times_s[first]:.2f} s after the start."
    )
