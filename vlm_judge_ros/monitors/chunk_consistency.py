"""Layer 2: does a policy keep to what it announced?

Statistical measures of temporal action consistency (STAC) of Sentinel, Agia et al., arXiv 2410.04640: a policy that is
lost changes its mind from one chunk to the next, where the two foretell the same moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.monitors.action_spread import ActionSpread, usable, width
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.policy_signal import PolicySignalMonitor, PolicySignalSpec

MOST_SAMPLES = 64
MOST_STEPS = 256
"""Of more than this, an even choice is compared: enough for the number, and one chunk costs a few milliseconds."""


class ChunkConsistency(PolicySignalSpec):
    """Distance between what two chunks in a row foretell for the moments that both cover.

    With samples in both chunks it is the root of the energy distance between the two sets (Szekely and Rizzo 2013);
    without, the mean Euclidean distance between the actions. Both are told as a share of the standard deviation of the
    actions over the episode so far, so the first chunks tell little. Chunks that do not overlap tell nothing.
    """

    kind: Literal["chunk_consistency"]
    max_distance_share: float | None = Field(
        default=None, gt=0.0, le=1e6, description="Largest distance, as a share of the actions' standard deviation."
    )

    def make(self, episode: EpisodeContext) -> ChunkConsistencyMonitor:
        """Make the monitor for an episode."""
        return ChunkConsistencyMonitor(self, self.max_distance_share)


class ChunkConsistencyMonitor(PolicySignalMonitor):
    """Compares each chunk with the one before."""

    def __init__(self, spec: ChunkConsistency, limit: float | None) -> None:
        super().__init__(spec, limit)
        self._spread = ActionSpread()
        self._last: Chunk | None = None

    def measure(self, chunk: Chunk) -> tuple[float, str]:
        """The distance to the chunk before."""
        last, self._last = self._last, None
        if not width(chunk):
            return math.nan, "The policy does not announce its actions, so their consistency is not known"
        if not usable(chunk):
            return math.nan, "The announced actions are not all finite numbers, so their consistency is not known"
        self._last = chunk
        if not self._spread.add(chunk) or last is None:
            return math.nan, "There is no chunk before this one to compare it with"
        overlap = _overlap(last, chunk)
        if overlap is None:
            return math.nan, "The newest chunk and the one before do not overlap, so they cannot be compared"
        before, after = overlap.steps
        if len(last.samples) > 1 and len(chunk.samples) > 1:
            what = "two sets of sampled actions"
            distance = _energy_distance(self._sampled(last.samples, before), self._sampled(chunk.samples, after))
        elif last.actions.size and chunk.actions.size:
            what = "actions"
            apart = self._spread.scaled(last.actions[before] - chunk.actions[after])
            distance = float(np.linalg.norm(apart, axis=1).mean())
        else:
            return math.nan, "The policy announces neither actions nor samples twice in a row"
        return distance, f"The {what} of the newest two chunks differ by {distance:.3g} over {overlap.seconds:.2f} s"

    def _sampled(self, samples: NDArray[np.float64], steps: NDArray[np.intp]) -> NDArray[np.float64]:
        chosen = self._spread.scaled(samples[_evenly(len(samples), MOST_SAMPLES)][:, steps])
        return chosen.reshape(len(chosen), -1) / math.sqrt(len(steps))


@dataclass(frozen=True, slots=True)
class _Overlap:
    """Steps of two chunks that fall together, and for how many seconds."""

    steps: tuple[NDArray[np.intp], NDArray[np.intp]]
    seconds: float


def _overlap(before: Chunk, after: Chunk) -> _Overlap | None:
    """Steps of the two that lie within half a step of one another; None where there are none."""
    offset_s = (after.stamp_ns - before.stamp_ns) * 1e-9
    if not 0.0 <= offset_s <= before.horizon * before.step_s:
        return None
    later = np.arange(after.horizon)
    earlier = np.rint((offset_s + later * after.step_s) / before.step_s).astype(np.intp)
    inside = (earlier >= 0) & (earlier < before.horizon)
    count = int(np.count_nonzero(inside))
    if not count:
        return None
    chosen = _evenly(count, MOST_STEPS)
    return _Overlap((earlier[inside][chosen], later[inside][chosen]), count * after.step_s)


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def _energy_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Root of the energy distance between two sets of points; a pair of a point with itself does not count."""
    within = _mean_distance(one, one) * len(one) / (len(one) - 1)
    within += _mean_distance(other, other) * len(other) / (len(other) - 1)
    return math.sqrt(max(0.0, 2.0 * _mean_distance(one, other) - within))


def _mean_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    # By the scalar product, because all differences at once could be a gigabyte; about the mean, for its rounding.
    same, middle = one is other, one.mean(axis=0)
    one, other = one - middle, other - middle
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)[None, :] - 2.0 * one @ other.T
    if same:
        np.fill_diagonal(squares, 0.0)
    return float(np.sqrt(np.maximum(squares, 0.0)).mean())
