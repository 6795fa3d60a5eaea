"""Action chunks that a policy announces."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
        action_names: what each number of an action means; empty where not told.
        actions: shape (horizon, A), in SI units where they have one; shape (0, 0) where not told.
        samples: further samples drawn from the policy for the same step, shape (S, horizon, A); shape (0, 0, 0) where
            not told.
        certainty: the policy's own, 0 to 1; NaN where not told.

    Raises:
        JudgeError: a number is out of range, or an array has another shape.
    """

    id: int
    stamp_ns: int
    horizon: int
    step_s: float
    policy: str = ""
    declares_done: bool = False
    action_names: tuple[str, ...] = ()
    actions: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)), compare=False, repr=False)
    samples: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0, 0)), compare=False, repr=False)
    certainty: float = math.nan

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
        self._check_actions()

    def _check_actions(self) -> None:
        width = self.actions.shape[-1] if self.actions.size else self.samples.shape[-1]
        if self.actions.size and self.actions.shape != (self.horizon, width):
            raise JudgeError(
                f"Chunk {self.id} has actions of shape {self.actions.shape}; give {self.horizon} rows, one per action."
            )
        if self.samples.size and self.samples.shape[1:] != (self.horizon, width):
            raise JudgeError(
                f"Chunk {self.id} has samples of shape {self.samples.shape}; give {self.horizon} rows of {width} "
                "numbers in each."
            )
        if self.action_names and width and len(self.action_names) != width:
            raise JudgeError(
                f"Chunk {self.id} has {len(self.action_names)} action_names and actions of {width} numbers; name each."
            )
        if not (math.isnan(self.certainty) or 0.0 <= self.certainty <= 1.0):
            raise JudgeError(f"Chunk {self.id} has certainty {self.certainty}; give 0 to 1, or NaN.")

    @property
    def end_ns(self) -> int:
        """When the last action has been executed."""
        return self.stamp_ns + nanoseconds(self.horizon * self.step_s)
