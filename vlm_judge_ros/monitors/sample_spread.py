"""Layer 2: is a policy of one mind?"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import Field

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.monitors.action_spread import ActionSpread, usable
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.policy_signal import PolicySignalMonitor, PolicySignalSpec


class SampleSpread(PolicySignalSpec):
    """How far the chunks that a policy sampled for the same moment lie apart.

    The root mean square distance of the samples from their mean, as a share of the standard deviation of the actions
    over the episode so far.
    """

    kind: Literal["sample_spread"]
    max_spread_share: float | None = Field(
        default=None, gt=0.0, le=1e6, description="Largest spread, as a share of the actions' standard deviation."
    )

    def make(self, episode: EpisodeContext) -> SampleSpreadMonitor:
        """Make the monitor for an episode."""
        return SampleSpreadMonitor(self, self.max_spread_share)


class SampleSpreadMonitor(PolicySignalMonitor):
    """Measures the spread of the samples of each chunk."""

    def __init__(self, spec: SampleSpread, limit: float | None) -> None:
        super().__init__(spec, limit)
        self._spread = ActionSpread()

    def measure(self, chunk: Chunk) -> tuple[float, str]:
        """The spread of the samples of a chunk."""
        if len(chunk.samples) < 2 or not chunk.samples.size:
            return math.nan, "The policy does not announce several samples, so their spread is not known"
        if not usable(chunk):
            return math.nan, "The announced actions are not all finite numbers, so their spread is not known"
        self._spread.add(chunk)
        apart = self._spread.scaled(chunk.samples - chunk.samples.mean(axis=0))
        spread = float(np.sqrt(np.square(apart).sum(axis=2).mean()))
        return spread, f"The {len(chunk.samples)} samples of the newest chunk are spread by {spread:.3g}"
