from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.plan import draw_plan
from vlm_judge_ros.simulation.tasks import TASKS

SEEDS = st.integers(0, 2**31)


@given(seed=SEEDS, task=st.sampled_from(sorted(TASKS)), kind=st.sampled_from(Disturbance))
def test_the_same_seed_draws_the_same_plan(seed: int, task: str, kind: Disturbance) -> None:
    first, second = (draw_plan(TASKS[task], kind, np.random.default_rng(seed)) for _ in range(2))
    for name in ("speed", "tremor", "delay_steps", "when", "after_success", "hold_steps", "tail_steps", "retreats"):
        assert getattr(first, name) == getattr(second, name)
    np.testing.assert_array_equal(first.miss_offset, second.miss_offset)
    np.testing.assert_array_equal(first.goal_shift, second.goal_shift)
    np.testing.assert_array_equal(first.waypoints, second.waypoints)


@given(seed=SEEDS)
def test_a_shifted_goal_is_too_far_off_to_be_a_success(seed: int) -> None:
    task = TASKS["push"]
    plan = draw_plan(task, Disturbance.WRONG_PLACE, np.random.default_rng(seed))
    assert np.linalg.norm(plan.goal_shift) > 0.1


@given(seed=SEEDS)
def test_a_pause_is_shorter_than_any_stall(seed: int) -> None:
    plan = draw_plan(TASKS["push"], Disturbance.PAUSE, np.random.default_rng(seed))
    stall = draw_plan(TASKS["push"], Disturbance.STALL, np.random.default_rng(seed))
    assert 5 <= plan.hold_steps <= 10 < 20 < stall.tail_steps
