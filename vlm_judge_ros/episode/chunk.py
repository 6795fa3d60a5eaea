"""Action chunks that a policy announces."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError

LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Actions that a policy executes before it looks again; see `vlm_judge_ros/msg/ActionChunk`.

    Attributes:
        id: rising from 1 within an episode.
        stamp_ns: when execution begins.
        horizon: number of actions, >= 1.
        step_s: seconds between two actions, > 0.
        policy: name of the policy; empty where not told.
        declares_done: the policy believes that the task is complete after this chunk.

    Raises:
        JudgeError: a number is out of range.
    """

    id: int
    stamp_ns: int
    horizon: int
    step_s: float
    policy: str = ""
    declares_done: bool = False

    def __post_init__(self) -> None:
        if self.id < 1:
            raise JudgeError(f"The chunk has id {self.id}; count chunks from 1, because 0 means that there is none.")
        if self.horizon < 1:
            raise JudgeError(f"Chunk {self.id} has horizon {self.horizon}; announce at least one action.")
        if not (math.isfinite(self.step_s) and self.step_s > 0):
            raise JudgeError(f"Chunk {self.id} has step_s {self.step_s}; give the seconds between two actions.")
        if self.horizon * self.step_s > LONGEST_S:
            raise JudgeError(
                f"Chunk {self.id} takes {self.horizon * self.step_s:.0f} s; at most {LONGEST_S:.0f} s can be judged."
            )

    @property
    def end_ns(self) -> int:
        """When the last action has been executed."""
        return self.stamp_ns + nanoseconds(self.horizon * self.step_s)
