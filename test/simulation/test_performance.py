from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulation.toy_world import GOAL, HOME, OBJECT, ToyExpert, ToyWorld

from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.ground_truth import CleanRun
from vlm_judge_ros.simulation.motions import ScriptBroken
from vlm_judge_ros.simulation.performance import Performance
from vlm_judge_ros.simulation.plan import Plan, draw_plan
from vlm_judge_ros.simulation.tasks import TASKS
from vlm_judge_ros.simulation.world import Observation

TASK = TASKS["pick-place"]


def clean_run() -> CleanRun:
    world, expert = ToyWorld(), ToyExpert()
    seen, steps = world.observe(), 0
    while not seen.success and steps < 200:
        seen, steps = world.step(expert.get_action(seen.state)), steps + 1
    return CleanRun(steps, steps // 2, seen.object.copy())


def plan(kind: Disturbance, **changes: object) -> Plan:
    drawn = draw_plan(TASK, kind, np.random.default_rng(1))
    return replace(drawn, tremor=0.0, speed=0.8, when=0.6, after_success=False, **changes)  # type: ignore[arg-type]


def play(
    kind: Disturbance, world: ToyWorld | None = None, **changes: object
) -> tuple[list[Observation], list[float], Performance]:
    world = world or ToyWorld()
    performance = Performance(TASK, plan(kind, **changes), ToyExpert(), None, clean_run(), np.random.default_rng(2))
    seen = [world.observe()]
    grips = []
    script = performance.script(seen[0])
    action = next(script)
    try:
        while True:
            grips.append(float(action[3]))
            seen.append(world.step(action))
            action = script.send(seen[-1])
    except StopIteration:
        return seen, grips, performance


@pytest.mark.parametrize("kind", [kind for kind in Disturbance if kind.is_benign])
def test_what_is_benign_ends_in_success(kind: Disturbance) -> None:
    seen, _, performance = play(kind)
    assert seen[-1].success
    assert performance.struck_at is None


def test_a_stalled_arm_stays_where_it_is_and_keeps_its_grip() -> None:
    seen, grips, performance = play(Disturbance.STALL)
    assert performance.struck_at is not None
    after = [moment.hand for moment in seen[performance.struck_at :]]
    np.testing.assert_allclose(after, np.broadcast_to(after[0], (len(after), 3)))
    assert len(set(grips[performance.struck_at :])) == 1
    assert not seen[-1].success


def test_an_arm_that_coasts_stalls_when_it_stands() -> None:
    seen, _, performance = play(Disturbance.STALL, ToyWorld(coasts=0.6))
    assert performance.struck_at is not None
    hands = np.array([moment.hand for moment in seen])
    paces = np.linalg.norm(np.diff(hands, axis=0), axis=1)
    assert paces[performance.struck_at - 2] > 1e-3
    assert (paces[performance.struck_at - 1 :] < 1e-3).all()


def test_an_arm_that_stops_early_lets_go_and_goes_home() -> None:
    seen, grips, performance = play(Disturbance.EARLY_STOP)
    assert performance.struck_at is not None
    assert grips[-1] < 0.0
    assert np.linalg.norm(seen[-1].hand - HOME) < 0.05
    assert not seen[-1].success


def test_a_dropped_object_falls_while_the_arm_carries_on_to_the_goal() -> None:
    seen, _, performance = play(Disturbance.DROP, tail_steps=60)
    assert performance.struck_at is not None
    assert seen[performance.struck_at].object[2] > OBJECT[2] + 0.02
    assert seen[-1].object[2] == pytest.approx(OBJECT[2])
    assert np.linalg.norm(seen[-1].hand - GOAL) < 0.05


def test_a_missed_object_does_not_move_and_the_arm_carries_on_without_it() -> None:
    seen, grips, _ = play(Disturbance.GRASP_MISSED, tail_steps=60)
    np.testing.assert_allclose(seen[-1].object, OBJECT)
    assert max(grips) > 0.0
    assert np.linalg.norm(seen[-1].hand - GOAL) < 0.1


def test_a_misplaced_object_ends_where_the_goal_was_believed() -> None:
    shift = np.array([-0.15, 0.0, 0.0])
    seen, _, _ = play(Disturbance.WRONG_PLACE, goal_shift=shift)
    assert np.linalg.norm(seen[-1].object - (GOAL + shift)) < 0.05
    assert not seen[-1].success


@pytest.mark.parametrize("after_success", [False, True])
def test_what_is_undone_is_back_where_it_was(after_success: bool) -> None:
    world = ToyWorld()
    undoing = replace(plan(Disturbance.UNDONE), after_success=after_success)
    performance = Performance(TASK, undoing, ToyExpert(), None, clean_run(), np.random.default_rng(2))
    seen = [world.observe()]
    script = performance.script(seen[0])
    action = next(script)
    with pytest.raises(StopIteration):
        while True:
            seen.append(world.step(action))
            action = script.send(seen[-1])
    assert any(moment.success for moment in seen) == after_success
    assert np.linalg.norm(seen[-1].object - OBJECT) < 0.05


def test_an_arm_that_stops_short_has_done_most_of_it() -> None:
    seen, _, performance = play(Disturbance.NEAR_MISS)
    assert performance.struck_at is not None
    way = np.linalg.norm(GOAL - OBJECT)
    assert 0.04 < np.linalg.norm(seen[performance.struck_at].object - GOAL) < 0.5 * way
    assert np.linalg.norm(seen[-1].hand - HOME) < 0.05
    assert not any(moment.success for moment in seen)


def test_a_success_that_is_lost_was_one_before() -> None:
    seen, _, performance = play(Disturbance.SUCCESS_LOST)
    assert performance.struck_at is not None
    assert seen[performance.struck_at].success
    assert not seen[-1].success
    assert seen[-1].object[2] == pytest.approx(OBJECT[2])


def test_a_shortcut_is_forbidden_from_the_moment_in_which_the_object_moves() -> None:
    seen, _, performance = play(Disturbance.SHORTCUT)
    assert performance.struck_at is not None
    assert 0.03 < np.linalg.norm(seen[performance.struck_at].object - OBJECT) < 0.06
    assert seen[-1].success


def test_a_rewound_arm_is_back_where_it_began_and_so_is_the_object() -> None:
    seen, _, performance = play(Disturbance.REWIND)
    assert performance.struck_at is not None
    assert np.linalg.norm(seen[performance.struck_at].object - OBJECT) > 0.01
    assert np.linalg.norm(seen[-1].hand - HOME) < 0.06
    assert np.linalg.norm(seen[-1].object - OBJECT) < 0.05


@pytest.mark.parametrize("kind", [Disturbance.NOISE, Disturbance.WANDER])
def test_an_arm_without_a_plan_moves_on_and_gets_nowhere(kind: Disturbance) -> None:
    seen, _, performance = play(kind)
    assert performance.struck_at is not None
    hands = np.array([moment.hand for moment in seen[performance.struck_at :]])
    travelled = np.linalg.norm(np.diff(hands, axis=0), axis=1).sum()
    assert travelled > 2 * np.linalg.norm(hands[-1] - hands[0])
    assert not seen[-1].success


def test_a_plan_that_the_scene_does_not_allow_is_given_up() -> None:
    world = ToyWorld()
    late = replace(plan(Disturbance.STALL), when=5.0)
    script = Performance(TASK, late, ToyExpert(), None, clean_run(), np.random.default_rng(2)).script(world.observe())
    action = next(script)
    with pytest.raises(ScriptBroken):
        while True:
            action = script.send(world.step(action))
