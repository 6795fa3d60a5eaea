"""All kinds of monitors that a task file may declare."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from vlm_judge_ros.monitors.grasp import Grasp
from vlm_judge_ros.monitors.grasp_missed import GraspMissed
from vlm_judge_ros.monitors.object_lost import ObjectLost
from vlm_judge_ros.monitors.released_at_goal import ReleasedAtGoal
from vlm_judge_ros.monitors.threshold import Threshold

AnyMonitor: TypeAlias = Annotated[
    Grasp | GraspMissed | ObjectLost | ReleasedAtGoal | Threshold, Field(discriminator="kind")
]
"""One of the kinds, told apart by the field `kind`."""
