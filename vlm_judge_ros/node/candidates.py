"""Between the messages of ~/score_candidates and the types of steering; whatever a stranger sends is bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vlm_judge_ros import msg
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.messages import LONGEST_NAME, MOST_JOINTS, actions_of, stamp_ns_of
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.conversion import judge_provenance_message
from vlm_judge_ros.steering.bounds import RequestBounds
from vlm_judge_ros.steering.candidate import (
    Candidate,
    EndEffectorPath,
    JointTrajectory,
    PredictedFrame,
    PredictedSignal,
)
from vlm_judge_ros.steering.request import ScoringAnswer, ScoringRequest

MOST_SIGNALS = 256
NOBODY = -1
"""The chosen index where nobody is chosen."""


def order_of(request: Any) -> tuple[int, ...]:
    """Indices of the candidates as their policy prefers them: by `prior_score` where all have one."""
    priors = [float(candidate.prior_score) for candidate in request.candidates]
    indices = range(len(priors))
    return tuple(indices if any(map(math.isnan, priors)) else sorted(indices, key=lambda index: -priors[index]))


def scoring_request(
    request: Any, order: Sequence[int], bounds: RequestBounds, default_deadline_s: float
) -> ScoringRequest:
    """What a request asks for; its pictures stay on the memory of the message.

    Args:
        request: of type vlm_judge_ros/srv/ScoreCandidates.
        order: of the candidates, as `order_of` gives it.
        bounds: what is larger is not even read.
        default_deadline_s: where the caller gives none.

    Raises:
        JudgeError: the stamp is no time, there is too much of something, lengths differ, or a picture is of no kind
            that can be read. Numbers are not looked at.
    """
    if len(request.candidates) > bounds.candidates:
        raise JudgeError(
            f"The request holds {len(request.candidates)} candidates, at most {bounds.candidates} are taken; send "
            "fewer, or raise steering_candidates."
        )
    candidates = []
    for index in order:
        try:
            candidates.append(_candidate(request.candidates[index], bounds))
        except JudgeError as error:
            raise JudgeError(f"Candidate {index} cannot be scored: {error}") from error
    deadline_s = float(request.deadline_s)
    return ScoringRequest(tuple(candidates), stamp_ns_of(request), deadline_s if deadline_s else default_deadline_s)


def fill(response: Any, answer: ScoringAnswer, order: Sequence[int]) -> None:
    """Write an answer into a response of type vlm_judge_ros/srv/ScoreCandidates."""
    scores = {
        order[candidate.index]: msg.CandidateScore(
            index=order[candidate.index],
            state=int(candidate.state),
            score=candidate.score,
            spread=candidate.spread,
            reason=candidate.reason,
        )
        for candidate in answer.candidates
    }
    chosen = answer.choice.index
    response.success, response.message = True, answer.choice.reason
    response.scores = [scores[index] for index in sorted(scores)]
    response.chosen = NOBODY if chosen is None else order[chosen]
    response.abstained, response.stopped = answer.choice.abstained, answer.stopped
    response.latency_s = answer.latency_s
    response.provenance = judge_provenance_message(answer.provenance, answer.latency_s)


def _candidate(message: Any, bounds: RequestBounds) -> Candidate:
    return Candidate(
        actions_of(message.chunk),
        _frames(message, bounds),
        _path(message, bounds),
        _joints(message, bounds),
        _signals(message, bounds),
    )


def _frames(message: Any, bounds: RequestBounds) -> tuple[PredictedFrame, ...]:
    cameras, times_s, images = message.predicted_cameras, message.predicted_times_s, message.predicted_images
    if not len(cameras) == len(times_s) == len(images):
        raise JudgeError(
            f"it has {len(images)} predicted_images, {len(cameras)} predicted_cameras and {len(times_s)} "
            "predicted_times_s; send one of each for each picture."
        )
    if len(images) > bounds.frames:
        raise JudgeError(f"it has {len(images)} frames, at most {bounds.frames} are taken; send fewer.")
    return tuple(
        PredictedFrame(_name("camera", camera), float(at_s), CompressedImage(image.data, image.format))
        for camera, at_s, image in zip(cameras, times_s, images, strict=True)
    )


def _path(message: Any, bounds: RequestBounds) -> EndEffectorPath | None:
    poses, times_s = message.end_effector_path.poses, message.end_effector_times_s
    _check_equal(len(poses), "poses of its end effector", len(times_s), bounds)
    if not poses:
        return None
    positions = [(pose.position.x, pose.position.y, pose.position.z) for pose in poses]
    frame_id = _name("frame_id", message.end_effector_path.header.frame_id)
    return EndEffectorPath(frame_id, np.array(times_s, dtype=np.float64), np.array(positions, dtype=np.float64))


def _joints(message: Any, bounds: RequestBounds) -> JointTrajectory | None:
    names, points = message.joint_trajectory.joint_names, message.joint_trajectory.points
    if not points:
        return None
    if len(names) > MOST_JOINTS:
        raise JudgeError(f"its joint trajectory has {len(names)} joints; give at most {MOST_JOINTS}.")
    _check_equal(len(points), "points of its joint trajectory", len(points), bounds)
    for point in points:
        if len(point.positions) != len(names):
            raise JudgeError(
                f"a point of its joint trajectory has {len(point.positions)} positions, for {len(names)} joints; give "
                "one for each joint."
            )
    times_s = [point.time_from_start.sec + point.time_from_start.nanosec * 1e-9 for point in points]
    positions = np.array([point.positions for point in points], dtype=np.float64)
    return JointTrajectory(tuple(_name("joint", name) for name in names), np.array(times_s), positions)


def _signals(message: Any, bounds: RequestBounds) -> dict[str, PredictedSignal]:
    if len(message.predicted_signals) > MOST_SIGNALS:
        raise JudgeError(
            f"it has {len(message.predicted_signals)} predicted_signals; give at most {MOST_SIGNALS}, those that the "
            "task declares."
        )
    signals: dict[str, PredictedSignal] = {}
    for signal in message.predicted_signals:
        name = _name("signal", signal.name)
        _check_equal(len(signal.values), f"values of signal {name}", len(signal.times_s), bounds)
        if name in signals:
            raise JudgeError(f"it predicts the signal {name} twice; send it once.")
        signals[name] = PredictedSignal(
            np.array(signal.times_s, dtype=np.float64), np.array(signal.values, dtype=np.float64)
        )
    return signals


def _check_equal(count: int, what: str, times: int, bounds: RequestBounds) -> None:
    if count != times:
        raise JudgeError(f"it has {count} {what} and {times} times; send one for each.")
    if count > bounds.points:
        raise JudgeError(f"it has {count} {what}, at most {bounds.points} are taken; send fewer.")


def _name(what: str, name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise JudgeError(f"it names a {what} with {len(name)} characters; give at most {LONGEST_NAME}.")
    return name
