"""What leaves the engine for every answer, before it is weighed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vlm_judge_ros.judges.opinion import Opinion


@dataclass(frozen=True, slots=True)
class ProgressUpdate:
    """What one judge alone said last; see `vlm_judge_ros/msg/Progress`.

    Attributes:
        opinion: its opinion, which carries evidence, progress and probabilities.
        reward: progress now minus progress at the last answer of the episode that had one; NaN for the first, or where
            progress is not known.
        latency_s: wall-clock seconds from request to answer; NaN where not told.
    """

    opinion: Opinion
    reward: float
    latency_s: float = math.nan
