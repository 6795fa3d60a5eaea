"""From checked parameter values to the settings of everything that the node is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vlm_judge_ros.judges.card import EMBEDDED_CARD, JudgeCard, read_card
from vlm_judge_ros.judges.factory import KEEPS_WHAT_IT_READ, WATCHES_MOTION, JudgeOptions
from vlm_judge_ros.judges.worker import WorkerSettings
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.monitors.progress import TrendLimits
from vlm_judge_ros.parameters.parameter import Value
from vlm_judge_ros.parameters.suited import asking
from vlm_judge_ros.verdict.judgement import JudgeLimits
from vlm_judge_ros.verdict.review import ReviewOn, ReviewSettings
from vlm_judge_ros.verdict.settings import CameraSettings, EngineSettings, KeyframeChoice

_CAMERA_LIMITS = (
    "source_timeout_s",
    "frozen_s",
    "frozen_view_s",
    "overexposed_share",
    "blocked_contrast",
    "blurred_share",
    "drift_s",
)


@dataclass(frozen=True, slots=True)
class CameraInput:
    """How one camera is subscribed to.

    Attributes:
        name: name of the camera.
        topic: relative or absolute name of the topic.
        compressed: `sensor_msgs/CompressedImage` instead of `sensor_msgs/Image`.
        reliable: reliability of the subscription.
        depth: messages that wait before the oldest is dropped.
        source_timeout_s: silence longer than this is a fault; 0 for never.
    """

    name: str
    topic: str
    compressed: bool
    reliable: bool
    depth: int
    source_timeout_s: float


def camera_inputs(values: Mapping[str, Value]) -> tuple[CameraInput, ...]:
    """How each camera is subscribed to, in the order of the parameter `cameras`."""
    get: Mapping[str, Any] = values
    inputs = []
    for name in get["cameras"]:
        compressed = get[f"{name}.transport"] == "compressed"
        inputs.append(
            CameraInput(
                name=name,
                topic=get[f"{name}.topic"] or f"{name}/image{'/compressed' if compressed else ''}",
                compressed=compressed,
                reliable=get[f"{name}.reliability"] == "reliable",
                depth=get[f"{name}.depth"],
                source_timeout_s=get[f"{name}.source_timeout_s"],
            )
        )
    return tuple(inputs)


def engine_settings(values: Mapping[str, Value]) -> EngineSettings:
    """Settings of the engine."""
    get: Mapping[str, Any] = values
    asked = asking(values, get["judge"])
    return EngineSettings(
        cameras=tuple(
            CameraSettings(camera, CameraLimits(**{limit: get[f"{camera}.{limit}"] for limit in _CAMERA_LIMITS}))
            for camera in get["cameras"]
        ),
        period_s=asked.period_s,
        asks_during_chunks=asked.during_chunks,
        chunk_grace_s=get["chunk_grace_s"],
        spread_count=get["keyframes"],
        transition_count=get["transition_keyframes"],
        keyframe_choice=_keyframe_choice(get["keyframe_choice"], get["judge"], get["server"]),
        success_evidence=tuple(get["success_evidence"]),
        success_hold_s=get["success_hold_s"],
        failure_count=get["failure_count"],
        failure_hold_s=get["failure_hold_s"],
        judge_failure_hold_s=asked.failure_hold_s,
        recovery_count=get["recovery_count"],
        recovery_hold_s=get["recovery_hold_s"],
        trend=TrendLimits(stall_s=get["stall_s"]),
        judge=JudgeLimits(
            success_threshold=get["success_threshold"],
            failure_threshold=asked.failure_threshold,
            opinion_timeout_s=get["opinion_timeout_s"],
        ),
        review=_review(get) if get["review_judge"] else None,
    )


def worker_settings(values: Mapping[str, Value]) -> WorkerSettings:
    """Which judge, and how to run it."""
    get: Mapping[str, Any] = values
    return WorkerSettings(
        judge=get["judge"],
        options=JudgeOptions(
            model=get["model"],
            intra_op_threads=get["intra_op_threads"],
            cameras=tuple(get["cameras"]),
            images_per_camera=get["keyframes"],
            precision=get["precision"],
            providers=tuple(get["providers"]),
            gpu_memory_mb=get["gpu_memory_mb"],
            image_tokens={camera: tokens for camera in get["cameras"] if (tokens := get[f"{camera}.image_tokens"])},
            prompts=get["prompts"],
            calibration=get["calibration"],
            server=get["server"],
            image_size_px=get["image_size_px"],
            jpeg_quality=get["jpeg_quality"],
            record=get["record"],
            replay=get["replay"],
            seed=get["seed"],
            samples=get["samples"],
            examples=get["examples"],
            example_tokens=get["example_tokens"],
            checklist=get["checklist"],
            goal_image=get["goal_image"],
            start_image=get["start_image"],
            ensemble=get["ensemble"],
        ),
        niceness=get["niceness"],
        load_timeout_s=get["load_timeout_s"],
        hang_timeout_s=get["hang_timeout_s"],
    )


def judge_card(values: Mapping[str, Value]) -> JudgeCard | None:
    """What the judge is said to be worth; None where nobody says.

    Raises:
        JudgeError: the card cannot be read.
    """
    get: Mapping[str, Any] = values
    if get["judge_card"]:
        return read_card(Path(get["judge_card"]))
    ships = get["judge"] == "embedded" and not get["model"] and EMBEDDED_CARD.exists()
    return read_card(EMBEDDED_CARD) if ships else None


def review_settings(values: Mapping[str, Value]) -> WorkerSettings | None:
    """Which judge reviews, and how to run it; None for none. What has no parameter of its own is as for the judge."""
    get: Mapping[str, Any] = values
    if not get["review_judge"]:
        return None
    judge = worker_settings(values)
    options = replace(
        judge.options,
        model=get["review_model"],
        server=get["review_server"],
        prompts=get["review_prompts"],
        # These belong to one model.
        precision="",
        calibration="",
    )
    return replace(judge, judge=get["review_judge"], options=options)


def _review(get: Mapping[str, Any]) -> ReviewSettings:
    return ReviewSettings(
        on=tuple(ReviewOn(on) for on in get["review_on"]),
        period_s=get["review_period_s"],
        gap_s=get["review_gap_s"],
        timeout_s=get["review_timeout_s"],
        failure_threshold=asking(get, get["review_judge"]).failure_threshold,
    )


def _keyframe_choice(choice: str, judge: str, server: str) -> KeyframeChoice:
    if choice == "auto":
        if judge in WATCHES_MOTION:
            return KeyframeChoice.RECENT
        # A server is shown all images anew each time.
        keeps = judge in KEEPS_WHAT_IT_READ and not server
        return KeyframeChoice.STEADY if keeps else KeyframeChoice.EVEN
    return KeyframeChoice(choice)
