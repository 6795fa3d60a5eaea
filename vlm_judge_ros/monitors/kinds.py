"""All kinds of monitors that a task file may declare."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from vlm_judge_ros.monitors.action_reversal import ActionReversal
from vlm_judge_ros.monitors.airborne import Airborne
from vlm_judge_ros.monitors.chunk_consistency import ChunkConsistency
from vlm_judge_ros.monitors.double_support import DoubleSupport
from vlm_judge_ros.monitors.fall import Fall
from vlm_judge_ros.monitors.formula import Formula
from vlm_judge_ros.monitors.gait_balance import GaitBalance
from vlm_judge_ros.monitors.grasp import Grasp
from vlm_judge_ros.monitors.grasp_missed import GraspMissed
from vlm_judge_ros.monitors.jerk import Jerk
from vlm_judge_ros.monitors.object_lost import ObjectLost
from vlm_judge_ros.monitors.oscillation import Oscillation
from vlm_judge_ros.monitors.policy_certainty import PolicyCertainty
from vlm_judge_ros.monitors.released_at_goal import ReleasedAtGoal
from vlm_judge_ros.monitors.sample_spread import SampleSpread
from vlm_judge_ros.monitors.stall import Stall
from vlm_judge_ros.monitors.step import RealStep
from vlm_judge_ros.monitors.threshold import Threshold
from vlm_judge_ros.monitors.timeout import Timeout
from vlm_judge_ros.monitors.undone import Undone
from vlm_judge_ros.monitors.walking import Walking

AnyMonitor: TypeAlias = Annotated[
    ActionReversal
    | Airborne
    | ChunkConsistency
    | DoubleSupport
    | Fall
    | Formula
    | GaitBalance
    | Grasp
    | GraspMissed
    | Jerk
    | ObjectLost
    | Oscillation
    | PolicyCertainty
    | RealStep
    | ReleasedAtGoal
    | SampleSpread
    | Stall
    | Threshold
    | Timeout
    | Undone
    | Walking,
    Field(discriminator="kind"),
]
"""One of the kinds, told apart by the field `kind`."""
