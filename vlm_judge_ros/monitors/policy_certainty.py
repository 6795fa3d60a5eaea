"""Layer 2: is the policy itself certain? The intrinsic signal of VLLR."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.policy_signal import PolicySignalMonitor, PolicySignalSpec


class PolicyCertainty(PolicySignalSpec):
    """The certainty that a policy announces with its chunks, 0 to 1, should not stay low."""

    kind: Literal["policy_certainty"]
    min_certainty_share: float | None = Field(
        default=None, gt=0.0, le=1.0, description="Smallest certainty, of 1, that is allowed."
    )
    duration_s: float = Field(default=2.0, ge=0.0, le=3600.0, description="How long the limit has to be broken.")

    def make(self, episode: EpisodeContext) -> PolicyCertaintyMonitor:
        """Make the monitor for an episode."""
        return PolicyCertaintyMonitor(self, self.min_certainty_share, most=False)


class PolicyCertaintyMonitor(PolicySignalMonitor):
    """Reads the certainty of each chunk."""

    def measure(self, chunk: Chunk) -> tuple[float, str]:
        """The certainty that the chunk tells."""
        if math.isnan(chunk.certainty):
            return math.nan, "The policy does not tell its certainty"
        return chunk.certainty, f"The policy is certain to {chunk.certainty:.1%}"
