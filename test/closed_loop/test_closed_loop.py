"""The closed loop in the simulator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from simulator import experts_ask_for_too_much

from vlm_judge_ros.cli import main
from vlm_judge_ros.closed_loop.choosers import Chance, Chooser, Decision, Oracle, Pick, Policy
from vlm_judge_ros.closed_loop.loop import LoopSettings, Scene
from vlm_judge_ros.closed_loop.noisy_expert import NoisyExpert
from vlm_judge_ros.closed_loop.prediction import Imperfection, play, steps_left
from vlm_judge_ros.closed_loop.task_table import LoopTask
from vlm_judge_ros.simulation.camera import pose_of
from vlm_judge_ros.simulation.episode import world_of
from vlm_judge_ros.steering.request import ScoringRequest

pytestmark = experts_ask_for_too_much

TASK = LoopTask(task="drawer-close", noise=0.6, decisions=3)


class Watching:
    """Chooses by number, and looks at what it is asked."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.requests: list[ScoringRequest] = []
        self.stamps: list[list[int]] = []

    def choose(self, decision: Decision) -> Pick:
        self.stamps.append([key.frame.stamp_ns for key in decision.evidence().keyframes["front"]])
        self.requests.append(decision.request())
        return Pick(self._index, 0.0)


def test_a_restored_state_goes_on_bit_for_bit_as_before() -> None:
    world = world_of(TASK.task)
    world.reset(3)
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, size=(10, 4))
    before = play(world, actions, (5, 10), Imperfection(), np.random.default_rng(0))
    steps_left(world, actions[::-1], 40)
    for step, action in enumerate(actions, 1):
        world.step(action)
        if step in (5, 10):
            now = pose_of(world)
            assert all(np.array_equal(now[name], values) for name, values in before[step // 5 - 1][1].items())


def test_the_same_seed_has_the_same_noise_however_many_chunks_are_drawn() -> None:
    world = world_of(TASK.task)
    world.reset(3)
    two, four = (NoisyExpert(world, 0.5, seed=8).chunks(1, count) for count in (2, 4))
    assert np.array_equal(two[0], four[0]) and np.array_equal(two[1], four[1])
    assert not np.array_equal(four[0], four[1])
    assert all(chunk.shape == (10, 4) and np.abs(chunk).max() <= 1.0 for chunk in four)
    assert not np.array_equal(two[0], NoisyExpert(world, 0.5, seed=9).chunks(1, 1)[0])


def test_tasks_do_not_go_astray_alike() -> None:
    astray = []
    for name in (TASK.task, "drawer-open"):
        world = world_of(name)
        world.reset(3)
        (noisy,), (clean,) = (NoisyExpert(world, noise, seed=8).chunks(1, 1) for noise in (0.01, 0.0))
        inside = np.abs(clean) < 0.9
        astray.append(np.where(inside, noisy - clean, 0.0))
    assert all(np.abs(drift).max() > 0.0 for drift in astray)
    both = (astray[0] != 0.0) & (astray[1] != 0.0)
    assert both.any()
    assert not np.allclose(astray[0][both], astray[1][both])


def test_an_episode_depends_on_its_seed_and_on_who_chooses_alone() -> None:
    scene = Scene(TASK, 5, LoopSettings())
    alone = scene.run(Policy(), 1)
    assert scene.run(Policy(), 4) == alone
    choosers: list[Chooser] = [Chance(), Chance()]
    assert scene.run(choosers[0], 4) == Scene(TASK, 5, LoopSettings()).run(choosers[1], 4)
    assert scene.run(Policy(), 1) == alone


def test_an_oracle_needs_no_more_steps_than_the_policy_alone() -> None:
    scene = Scene(TASK, 6, LoopSettings())
    assert scene.run(Oracle(), 4).steps <= scene.run(Policy(), 1).steps


def test_what_is_predicted_of_the_chosen_chunk_is_what_is_seen_then() -> None:
    watching = Watching(1)
    Scene(TASK, 5, LoopSettings(frame_steps=5)).run(watching, 2)
    assert [len(candidate.frames) for candidate in watching.requests[0].candidates] == [4, 4]  # two of each camera
    assert [frame.at_s for frame in watching.requests[0].candidates[0].frames] == [0.5, 0.5, 1.0, 1.0]
    if len(watching.stamps) > 1:
        assert watching.stamps[1][:3] == [1_000_000_000, 1_500_000_000, 2_000_000_000]


def test_imperfect_predictions_differ_and_leave_the_world_alone() -> None:
    world = world_of(TASK.task)
    world.reset(3)
    actions, start = np.full((10, 4), 0.5), pose_of(world)
    random = np.random.default_rng(0)
    ((_, exact),) = play(world, actions, (10,), Imperfection(), random)
    ((_, noisy),) = play(world, actions, (10,), Imperfection(state_noise=0.02), random)
    ((_, late),) = play(world, actions, (10,), Imperfection(delay_s=0.5), random)
    assert 0.0 < np.abs(noisy["xpos"] - exact["xpos"]).max() < 0.5
    assert not np.array_equal(late["xpos"], exact["xpos"])
    ((_, half),) = play(world, actions, (5,), Imperfection(), random)
    assert np.array_equal(late["xpos"], half["xpos"])
    assert all(np.array_equal(values, pose_of(world)[name]) for name, values in start.items())


def test_the_command_plays_tells_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    base = ["steer-eval", "--out", str(out), "--task", "drawer-close", "--k", "2", "--judge", "random", "--json"]
    assert main([*base, "--judge", "embedded", "--episodes", "1"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["judge"], row["k"], row["episodes"]) for row in rows] == [
        ("policy", 1, 1),
        ("random", 2, 1),
        ("embedded", 2, 1),
    ]
    assert (out / "success.svg").read_text().startswith("<svg")
    assert main([*base, "--episodes", "2", "--resume"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["episodes"] == 2
    assert main([*base, "--episodes", "2", "--resume", "--prediction-noise", "0.1"]) == 1
    assert "prediction_noise" in capsys.readouterr().err
