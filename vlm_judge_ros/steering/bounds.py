"""How much may be asked at once, and whether a request is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pydantic

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.candidate import Candidate, EndEffectorPath, Floats, JointTrajectory
from vlm_judge_ros.steering.request import ScoringRequest


class RequestBounds(pydantic.BaseModel):
    """The largest request that is answered.

    Attributes:
        candidates: most candidates.
        frames: most predicted frames of one candidate, all cameras together.
        points: most points of a path, a trajectory or a signal, and most actions of a chunk.
        horizon_s: latest prediction, in seconds from the start of the chunk.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    candidates: int = pydantic.Field(default=16, ge=1, le=256)
    frames: int = pydantic.Field(default=64, ge=1, le=1024)
    points: int = pydantic.Field(default=1000, ge=1, le=100_000)
    horizon_s: float = pydantic.Field(default=30.0, gt=0.0, le=600.0)


def check_scoring(request: ScoringRequest, evidence: Evidence, bounds: RequestBounds) -> None:
    """Make sure that a whole request can be answered, with this evidence.

    Args:
        request: what is asked.
        evidence: what really happened until now.
        bounds: the largest request.

    Raises:
        JudgeError: it cannot.
    """
    if not request.deadline_s > 0.0:
        raise JudgeError(f"The deadline is {request.deadline_s:g} s; give the seconds that you can wait, above 0.")
    if request.from_ns < evidence.now_ns:
        early_s = (evidence.now_ns - request.from_ns) * 1e-9
        raise JudgeError(
            f"The candidates continue from {early_s:.3f} s before the newest frame; give a stamp that is not before it."
        )
    check_request(request.candidates, list(evidence.keyframes), bounds)


def check_request(candidates: Sequence[Candidate], cameras: Sequence[str], bounds: RequestBounds) -> None:
    """Make sure that a request can be answered.

    Args:
        candidates: what is asked about.
        cameras: names of the judge's cameras.
        bounds: the largest request.

    Raises:
        JudgeError: it cannot; the sentence names the candidate, counted from 0.
    """
    if not candidates:
        raise JudgeError("The request holds no candidate; send at least one.")
    if len(candidates) > bounds.candidates:
        raise JudgeError(
            f"The request holds {len(candidates)} candidates, at most {bounds.candidates} are taken; send fewer."
        )
    for index, candidate in enumerate(candidates):
        try:
            _check(candidate, cameras, bounds)
        except JudgeError as error:
            raise JudgeError(f"Candidate {index} cannot be scored: {error}") from error


def check_pictures(candidates: Sequence[Candidate]) -> None:
    """Make sure that every predicted picture can be decoded, which takes a while.

    Raises:
        JudgeError: one cannot; the sentence names its candidate, counted from 0.
    """
    for index, candidate in enumerate(candidates):
        for frame in candidate.frames:
            try:
                frame.image.thumbnail()
            except JudgeError as error:
                raise JudgeError(
                    f"Candidate {index} cannot be scored: its frame of camera {frame.camera} at {frame.at_s:g} s is "
                    f"broken. {error}"
                ) from error


def _check(candidate: Candidate, cameras: Sequence[str], bounds: RequestBounds) -> None:
    if candidate.actions.ndim != 2 or not np.isfinite(candidate.actions).all():
        raise JudgeError("its actions are no table of finite numbers, one row for each action; send one, or none.")
    if len(candidate.actions) > bounds.points:
        raise JudgeError(f"it has {len(candidate.actions)} actions, at most {bounds.points} are taken; send fewer.")
    if len(candidate.frames) > bounds.frames:
        raise JudgeError(f"it has {len(candidate.frames)} frames, at most {bounds.frames} are taken; send fewer.")
    for frame in candidate.frames:
        if frame.camera not in cameras:
            raise JudgeError(f"its frame is of camera {frame.camera!r}, and there are {', '.join(cameras)}; name one.")
        _check_times(np.array([frame.at_s]), "frame", bounds)
    if candidate.path is not None:
        _check_path(candidate.path, bounds)
    if candidate.joints is not None:
        _check_joints(candidate.joints, bounds)
    for name, signal in candidate.signals.items():
        _check_times(signal.times_s, f"signal {name}", bounds)
        _check_table(signal.values, signal.times_s.shape, f"signal {name}")


def _check_path(path: EndEffectorPath, bounds: RequestBounds) -> None:
    if not path.frame_id:
        raise JudgeError("its path names no coordinate frame; give frame_id.")
    _check_times(path.times_s, "path", bounds)
    _check_table(path.positions, (len(path.times_s), 3), "path")


def _check_joints(joints: JointTrajectory, bounds: RequestBounds) -> None:
    if not joints.names or len(set(joints.names)) != len(joints.names):
        raise JudgeError("its joint trajectory names no joints, or one twice; name each once.")
    _check_times(joints.times_s, "joint trajectory", bounds)
    _check_table(joints.positions, (len(joints.times_s), len(joints.names)), "joint trajectory")


def _check_times(times_s: Floats, what: str, bounds: RequestBounds) -> None:
    if times_s.ndim != 1 or not 1 <= len(times_s) <= bounds.points:
        raise JudgeError(f"its {what} has {times_s.size} times; give 1 to {bounds.points}.")
    if not np.isfinite(times_s).all() or (np.diff(times_s) <= 0.0).any():
        raise JudgeError(f"the times of its {what} do not rise; give seconds from the start of the chunk.")
    if times_s[0] < 0.0 or times_s[-1] > bounds.horizon_s:
        raise JudgeError(
            f"the times of its {what} go from {times_s[0]:g} s to {times_s[-1]:g} s; stay within 0 s and "
            f"{bounds.horizon_s:g} s from the start of the chunk."
        )


def _check_table(values: Floats, shape: tuple[int, ...], what: str) -> None:
    if values.shape != shape:
        raise JudgeError(
            f"the values of its {what} have the shape {values.shape}, not {shape}; send one for each time."
        )
    if not np.isfinite(values).all():
        raise JudgeError(f"a value of its {what} is no finite number; leave out what is not known.")
