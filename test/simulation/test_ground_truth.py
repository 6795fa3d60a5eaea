from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation.toy_world import HOME, ToyWorld

from vlm_judge_ros.simulation.ground_truth import Yardstick, progress_curve
from vlm_judge_ros.simulation.world import World

VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40)
EVERY = 5


def yardstick_of(world: ToyWorld, speed: float) -> Yardstick:
    return Yardstick(cast(World, world), speed, 400)


def work(world: ToyWorld, yardstick: Yardstick, speed: float, steps: int, tremor: float = 0.0) -> list[float]:
    """Let the expert work; progress every few steps."""
    random, told = np.random.default_rng(4), []
    for step in range(1, steps + 1):
        action = world.expert_action(world.observation.state)
        action[:3] = action[:3] * speed + random.normal(0.0, tremor, size=3)
        world.step(action)
        if step % EVERY == 0:
            told.append(yardstick.measure(EVERY))
    return told


@pytest.mark.parametrize("speed", [0.45, 0.8, 1.0])
def test_an_expert_at_work_comes_forward_evenly_whatever_its_speed(speed: float) -> None:
    world = ToyWorld()
    yardstick = yardstick_of(world, speed)
    assert yardstick.arrives
    told = np.array(work(world, yardstick, speed, 400))
    arrived = int(np.argmax(told == 1.0))
    assert 0 < arrived < len(told)
    np.testing.assert_allclose(told[:arrived], np.arange(1, arrived + 1) / (arrived + 1), atol=1.2 / arrived)
    assert told[arrived:].min() == 1.0


@given(speed=st.floats(0.45, 1.0), tremor=st.floats(0.0, 0.12))
def test_a_trembling_expert_never_falls_back_by_much(speed: float, tremor: float) -> None:
    world = ToyWorld(coasts=0.3)
    told = np.array([0.0, *work(world, yardstick_of(world, speed), speed, 160, tremor)])
    assert (np.maximum.accumulate(told) - told).max() < 0.05


def test_what_rests_stays_as_far_as_it_is_and_what_goes_back_loses_it() -> None:
    world = ToyWorld()
    yardstick = yardstick_of(world, 0.8)
    reached = work(world, yardstick, 0.8, 15)[-1]
    assert 0.2 < reached < 0.8
    for _ in range(4):
        for _ in range(EVERY):
            world.step(np.array([0.0, 0.0, 0.0, -1.0]))
        assert yardstick.measure(EVERY) == reached
    while np.linalg.norm(HOME - world.hand) > 0.02:
        for _ in range(EVERY):
            world.step(np.array([*np.clip(25.0 * (HOME - world.hand), -1.0, 1.0), -1.0]))
        before, reached = reached, yardstick.measure(EVERY)
        assert reached <= before
    assert reached < 0.1


def test_what_is_dropped_is_further_from_done() -> None:
    world = ToyWorld()
    yardstick = yardstick_of(world, 1.0)
    carried = 0.0
    while world.object[2] < 0.15:
        carried = work(world, yardstick, 1.0, EVERY)[-1]
    for _ in range(EVERY):
        world.step(np.array([0.0, 0.0, 0.0, -1.0]))
    assert yardstick.measure(EVERY) < carried - 0.2


def test_where_the_expert_stumbles_nearby_the_last_value_stays_and_far_from_there_nothing_is_left() -> None:
    world = ToyWorld()
    yardstick = yardstick_of(world, 1.0)
    reached = work(world, yardstick, 1.0, 20)[-1]
    world.expert_action = lambda state: np.zeros(4)  # type: ignore[method-assign]
    world.hand[0] += 0.015
    assert yardstick.measure(EVERY) == reached
    world.hand[0] += 0.05
    assert yardstick.measure(EVERY) == 0.0


def test_an_expert_that_never_arrives_is_no_measure() -> None:
    world = ToyWorld()
    world.expert_action = lambda state: np.zeros(4)  # type: ignore[method-assign]
    assert not yardstick_of(world, 1.0).arrives


@given(values=VALUES, stride=st.integers(1, 6), data=st.data())
def test_only_success_is_the_whole_way(values: list[float], stride: int, data: st.DataObject) -> None:
    measured = [(index * stride, value) for index, value in enumerate(values)]
    steps = measured[-1][0] + 1
    success = np.array(data.draw(st.lists(st.booleans(), min_size=steps, max_size=steps)))
    progress, turning_point = progress_curve(measured, success)
    assert progress.shape == (steps,)
    assert (progress[success] == 1.0).all()
    assert (progress[~success] < 1.0).all()
    assert (progress >= 0.0).all()
    assert 0 <= turning_point < steps


def test_a_single_stumble_of_the_expert_is_taken_out() -> None:
    measured = [(0, 0.0), (5, 0.2), (10, 0.0), (15, 0.6), (20, 0.8)]
    progress, _ = progress_curve(measured, np.zeros(21, dtype=bool))
    assert (np.diff(progress) >= 0.0).all()


def test_the_turning_point_is_where_the_last_gain_was() -> None:
    measured = [(0, 0.0), (5, 0.3), (10, 0.6), (15, 0.6), (20, 0.1), (25, 0.3)]
    _, turning_point = progress_curve(measured, np.zeros(26, dtype=bool))
    assert turning_point == 10


def test_progress_between_measurements_is_interpolated() -> None:
    progress, _ = progress_curve([(0, 0.0), (4, 0.4)], np.zeros(5, dtype=bool))
    np.testing.assert_allclose(progress, [0.0, 0.1, 0.2, 0.3, 0.4])
