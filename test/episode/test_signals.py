from __future__ import annotations

import math

import pytest

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.errors import JudgeError


def test_a_chunk_ends_when_its_last_action_has_been_executed() -> None:
    assert Chunk(1, 5_000_000_000, 10, 0.1).end_ns == 6_000_000_000


@pytest.mark.parametrize(
    ("chunk_id", "horizon", "step_s"),
    [(0, 10, 0.1), (1, 0, 0.1), (1, 10, 0.0), (1, 10, -1.0), (1, 10, math.nan), (1, 10, math.inf), (1, 10**6, 1.0)],
)
def test_a_chunk_that_cannot_be_executed_is_refused(chunk_id: int, horizon: int, step_s: float) -> None:
    with pytest.raises(JudgeError):
        Chunk(chunk_id, 1, horizon, step_s)


def test_a_joint_state_has_one_position_per_name() -> None:
    with pytest.raises(JudgeError, match="2 names and 1 positions"):
        JointSample(1, ("a", "b"), (0.0,))
