"""Layer 2: do a policy's actions go to and fro? It needs nothing of the policy but its actions."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.action_spread import ActionSpread, usable
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.policy_signal import PolicySignalMonitor, PolicySignalSpec

MOST_ACTIONS = 10_000


class ActionReversal(PolicySignalSpec):
    """Share of the changes of an action that turn back, over all dimensions and the actions of a window.

    A change turns back where its sign differs from that of the change before. Changes smaller than `least_change_share`
    are passed over, so that noise does not count.
    """

    kind: Literal["action_reversal"]
    max_reversal_share: float | None = Field(
        default=None, gt=0.0, le=1.0, description="Largest share of the changes that may turn back."
    )
    least_change_share: float = Field(
        default=0.05,
        ge=0.0,
        le=10.0,
        description="Smallest change that counts, as a share of the actions' standard deviation over the episode.",
    )
    window_s: float = Field(default=2.0, gt=0.0, le=600.0, description="Window of announced actions.")

    def make(self, episode: EpisodeContext) -> ActionReversalMonitor:
        """Make the monitor for an episode."""
        return ActionReversalMonitor(self)


class ActionReversalMonitor(PolicySignalMonitor):
    """Strings the actions together that were executed, and counts how often they turn back."""

    def __init__(self, spec: ActionReversal) -> None:
        super().__init__(spec, spec.max_reversal_share)
        self._least = spec.least_change_share
        self._window_ns = nanoseconds(spec.window_s)
        self._spread = ActionSpread()
        self._stamps_ns: NDArray[np.int64] = np.empty(0, np.int64)
        self._actions: NDArray[np.float64] = np.empty((0, 0))

    def measure(self, chunk: Chunk) -> tuple[float, str]:
        """The share of changes that turn back, up to the end of a chunk."""
        if not chunk.actions.size:
            return math.nan, "The policy does not announce its actions, so it is not known how often they turn back"
        if not usable(chunk):
            return math.nan, "The announced actions are not all finite numbers, so their turns are not known"
        step_ns = max(1, nanoseconds(chunk.step_s))
        if not self._spread.add(chunk) or not self._follows(chunk.stamp_ns, step_ns):
            self._stamps_ns, self._actions = np.empty(0, np.int64), np.empty((0, chunk.actions.shape[1]))
        # What the chunk before foretold for after the start of this one was never executed.
        kept = self._stamps_ns < chunk.stamp_ns - step_ns // 2
        stamps_ns = chunk.stamp_ns + step_ns * np.arange(chunk.horizon, dtype=np.int64)
        self._stamps_ns = np.concatenate([self._stamps_ns[kept], stamps_ns])[-MOST_ACTIONS:]
        self._actions = np.concatenate([self._actions[kept], chunk.actions])[-MOST_ACTIONS:]
        recent = self._stamps_ns > self._stamps_ns[-1] - self._window_ns
        self._stamps_ns, self._actions = self._stamps_ns[recent], self._actions[recent]
        if len(self._actions) < 3:
            return math.nan, "Fewer than three actions are known, so it is not known how often they turn back"
        share = self._share()
        return share, f"The actions turn back in {share:.1%} of their changes"

    def _follows(self, stamp_ns: int, step_ns: int) -> bool:
        """Whether a chunk begins where the one before had got to, without a gap."""
        known = self._stamps_ns
        return bool(len(known)) and known[0] <= stamp_ns <= known[-1] + 2 * step_ns

    def _share(self) -> float:
        changes = np.diff(self._actions, axis=0)
        # Its own share of the standard deviation, dimension by dimension: the length over all of them is not asked.
        varying = self._spread.scaled(np.ones((1, changes.shape[1])))[0] > 0
        sizes = np.abs(self._spread.scaled(changes)) * math.sqrt(max(1, int(np.count_nonzero(varying))))
        counted = [changes[sizes[:, place] > self._least, place] for place in range(changes.shape[1])]
        turns = sum(int(np.count_nonzero(np.signbit(part[1:]) != np.signbit(part[:-1]))) for part in counted)
        return turns / max(1, sum(max(0, len(part) - 1) for part in counted))
