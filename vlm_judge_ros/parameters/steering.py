"""Parameters of ~/score_candidates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import READS_DRAWINGS
from vlm_judge_ros.judges.named_file import read
from vlm_judge_ros.parameters.parameter import Change, Parameter, Value, show
from vlm_judge_ros.session.candidate_scoring import ScoringOptions
from vlm_judge_ros.steering.arm import Arm, read_arm
from vlm_judge_ros.steering.bounds import RequestBounds
from vlm_judge_ros.steering.consistency import ConsistencyRules
from vlm_judge_ros.steering.drawing.cameras import Cameras
from vlm_judge_ros.steering.drawing.geometry_file import read_cameras
from vlm_judge_ros.steering.drawn_paths import Canvas
from vlm_judge_ros.steering.motion_limits import MotionLimits
from vlm_judge_ros.steering.questions import SteeringSettings
from vlm_judge_ros.steering.selection import SelectionRules

STEERING_PARAMETERS: tuple[Parameter, ...] = (
    Parameter("steering_candidates", 16, "Most candidates that ~/score_candidates takes.", "", 1, 256),
    Parameter("steering_frames", 64, "Most predicted frames of one candidate, all cameras together.", "", 1, 1024),
    Parameter(
        "steering_points",
        1000,
        "Most actions of a candidate, and most points of its path or trajectory.",
        "",
        1,
        100_000,
    ),
    Parameter("steering_horizon_s", 30.0, "How far a prediction may reach into the future.", "s", 0.1, 600.0),
    Parameter(
        "steering_deadline_s",
        1.0,
        "How long a caller of ~/score_candidates waits who does not say. Measured on the wall clock.",
        "s",
        0.01,
        600.0,
        change=Change.ANYTIME,
    ),
    Parameter(
        "steering_earliest_s",
        0.5,
        "How far the moment from which candidates continue may lie before the newest frame.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter("steering_latest_s", 1.0, "How far that moment may lie ahead of the node clock.", "s", 0.0, 3600.0),
    Parameter(
        "steering_method",
        "mean",
        "How a candidate is chosen. mean: by the highest mean score. tournament: by matches of two. majority: by the "
        "votes of prompts, views or models.",
        choices=("mean", "tournament", "majority"),
    ),
    Parameter(
        "steering_margin",
        0.001,
        "By how much the mean score of the chosen one has to exceed that of every other; for the two other methods, "
        "scores that differ by less are equal.",
        "",
        0.0,
        1.0,
    ),
    Parameter(
        "steering_noise_factor",
        1.0,
        "How many standard errors of the paired differences between voices the lead has to exceed; counts for mean, "
        "and only with two voices or more. 0: none.",
        "",
        0.0,
        100.0,
    ),
    Parameter(
        "steering_ties",
        "abstain",
        "What is done where the lead is too small. first: the one that the policy prefers is chosen.",
        choices=("abstain", "first"),
    ),
    Parameter(
        "steering_temperature",
        0.0,
        "Above 0 a candidate is drawn with probabilities proportional to exp(mean score / temperature), with the "
        "parameter seed.",
        "",
        0.0,
        100.0,
    ),
    Parameter(
        "steering_limits",
        "",
        "File of limits that no candidate may exceed, of joints and of the end effector; steering.md describes it. "
        "Empty: none.",
    ),
    Parameter(
        "steering_cameras",
        "",
        "File that tells where cameras are and how they take pictures, or of which of them CameraInfo and TF tell "
        "that, so that paths of candidates can be drawn for the judges token_reward and path_choice; "
        "drawn_trajectories.md describes it. Empty: none, and nothing is drawn.",
    ),
    Parameter(
        "steering_urdf",
        "",
        "URDF file by which joint trajectories become paths: these are held against the workspace of steering_limits, "
        "and can be drawn. Empty: none.",
    ),
    Parameter(
        "steering_link",
        "",
        "Link of that URDF whose path counts, for example between the fingers. Paths are in the frame of the URDF's "
        "first link.",
    ),
    Parameter(
        "steering_consistency",
        True,
        "Refuse candidates whose predicted frames do not continue what is seen now.",
    ),
    Parameter(
        "steering_moving_cameras",
        ("wrist",),
        "Cameras that move along with the robot, whose predicted frames are not held against what is seen now.",
    ),
)


def scoring_options(values: Mapping[str, Value]) -> ScoringOptions:
    """How requests to choose among candidates are answered.

    Raises:
        JudgeError: a file cannot be used, or parameters contradict each other.
    """
    get: Mapping[str, Any] = values
    limits = MotionLimits()
    if get["steering_limits"]:
        limits = read(MotionLimits, "file of limits", Path(get["steering_limits"]))
    rules = SelectionRules(
        method=get["steering_method"],
        margin=get["steering_margin"],
        noise_factor=get["steering_noise_factor"],
        ties=get["steering_ties"],
        temperature=get["steering_temperature"],
    )
    bounds = RequestBounds(
        candidates=get["steering_candidates"],
        frames=get["steering_frames"],
        points=get["steering_points"],
        horizon_s=get["steering_horizon_s"],
    )
    moving = tuple(get["steering_moving_cameras"])
    arm = _arm(get, limits)
    consistency = ConsistencyRules(moving=moving) if get["steering_consistency"] else None
    return ScoringOptions(
        settings=SteeringSettings(
            limits=limits, rules=rules, canvas=_canvas(get, arm), consistency=consistency, arm=arm
        ),
        bounds=bounds,
        earliest_s=get["steering_earliest_s"],
        latest_s=get["steering_latest_s"],
        seed=get["seed"],
    )


def _arm(get: Mapping[str, Any], limits: MotionLimits) -> Arm | None:
    urdf, link, workspace = get["steering_urdf"], get["steering_link"], limits.workspace
    if bool(urdf) is not bool(link):
        raise JudgeError("One of the parameters steering_urdf and steering_link is empty; set both, or none.")
    if not urdf:
        return None
    if workspace is None and not get["steering_cameras"]:
        raise JudgeError(
            f"Parameter steering_urdf is {show(urdf)} and nothing needs it; name a file with a workspace in "
            "steering_limits, or where cameras are in steering_cameras, or leave it out."
        )
    arm = read_arm(urdf, link)
    if workspace is not None and workspace.frame_id != arm.root:
        raise JudgeError(
            f"The workspace of {get['steering_limits']} is in the frame {workspace.frame_id}, and the first link of "
            f"{urdf} is {arm.root}; give the workspace in that one, or leave steering_urdf out."
        )
    return arm


def _canvas(get: Mapping[str, Any], arm: Arm | None) -> Canvas | None:
    judge, cameras = get["judge"], get["steering_cameras"]
    if cameras and judge not in READS_DRAWINGS:
        raise JudgeError(
            f"Parameter steering_cameras is {show(cameras)} and the judge {judge} cannot read drawn paths; set judge "
            f"to {' or '.join(READS_DRAWINGS)}, or leave steering_cameras out."
        )
    return Canvas.for_judge(judge, read_cameras(cameras) if cameras else Cameras(), arm)
