from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulator import experts_ask_for_too_much

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.simulation.camera import Variation
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeImpossible, EpisodeSpec, SimulatedEpisode, simulate_episode
from vlm_judge_ros.simulation.proof import draws_right
from vlm_judge_ros.simulation.tasks import TASKS

pytestmark = experts_ask_for_too_much

SPEC = EpisodeSpec("drawer-open", 910_001, width=64, height=48, frame_steps=20, truth_steps=10)


def same(first: SimulatedEpisode, second: SimulatedEpisode) -> bool:
    return (
        first.instruction == second.instruction
        and np.array_equal(first.joint_positions, second.joint_positions)
        and np.array_equal(first.actions, second.actions)
        and np.array_equal(first.progress, second.progress)
        and all(np.array_equal(first.frames[camera], second.frames[camera]) for camera in first.frames)
    )


def test_the_same_seed_gives_the_same_episode_whatever_ran_before() -> None:
    first = simulate_episode(SPEC)
    other = simulate_episode(replace(SPEC, seed=910_002, disturbance=Disturbance.STALL))
    np.random.seed(3)
    assert same(first, simulate_episode(SPEC))
    assert not same(first, other)


def test_a_success_ends_with_all_of_its_progress() -> None:
    episode = simulate_episode(SPEC)
    assert episode.mode is FailureMode.NONE
    assert episode.onset_s is None
    assert episode.success[-8:].all()
    assert episode.progress[0] < 0.1
    assert episode.progress[-1] == 1.0
    assert not episode.failing.any()


@pytest.mark.parametrize(("task", "seed"), [("assembly", 7022), ("pick-out-of-hole", 7084)])
def test_progress_does_not_fall_back_where_nothing_goes_wrong(task: str, seed: int) -> None:
    # The hand is slower than the expert's own: measured at full speed, its progress fell from 0.2 to 0 for seconds.
    episode = simulate_episode(replace(SPEC, task=task, seed=seed))
    assert (np.maximum.accumulate(episode.progress) - episode.progress).max() < 0.03


def test_a_failure_never_ends_in_success_and_says_when_it_set_in() -> None:
    episode = simulate_episode(replace(SPEC, disturbance=Disturbance.STALL))
    assert episode.mode is FailureMode.STALL
    assert episode.onset_s is not None
    assert not episode.success.any()
    assert episode.failing[-1]
    assert not episode.failing[episode.stamps_s < episode.onset_s - 1e-6].any()
    assert episode.stamps_s[-1] - episode.onset_s >= 1.5
    after = episode.joint_positions[episode.stamps_s > episode.onset_s + 1.0]
    assert np.ptp(after, axis=0).max() < 0.02


def test_pictures_joints_and_truth_have_a_value_for_their_stamps() -> None:
    episode = simulate_episode(SPEC)
    steps = episode.stamps_s.size
    assert episode.actions.shape == (steps - 1, 4)
    assert episode.joint_positions.shape == episode.joint_velocities.shape == (steps, len(episode.joint_names))
    assert episode.frame_indices[-1] == steps - 1
    for camera in ("front", "wrist"):
        assert episode.frames[camera].shape == (episode.frame_indices.size, 48, 64, 3)
        assert episode.frames[camera].std() > 10.0


def test_velocities_belong_to_the_stamped_seconds() -> None:
    episode = simulate_episode(SPEC)
    moved = np.gradient(episode.joint_positions[:, :7], 0.1, axis=0)
    told = episode.joint_velocities[:, :7]
    assert np.corrcoef(moved.ravel(), told.ravel())[0, 1] > 0.9
    assert np.abs(told).max() == pytest.approx(np.abs(moved).max(), rel=0.5)


def test_what_makes_no_sense_in_a_task_is_refused_with_what_does() -> None:
    with pytest.raises(EpisodeImpossible, match="stall"):
        simulate_episode(replace(SPEC, disturbance=Disturbance.DROP))


def test_a_forbidden_way_to_the_goal_is_no_success_and_no_progress() -> None:
    episode = simulate_episode(replace(SPEC, task="push", disturbance=Disturbance.SHORTCUT))
    assert episode.instruction in TASKS["push"].forbidding
    assert episode.mode is FailureMode.UNKNOWN
    assert episode.onset_s is not None
    assert not episode.success.any()
    assert np.diff(episode.progress[episode.stamps_s >= episode.onset_s]).max() <= 1e-9
    assert episode.failing[-1]


def test_a_success_that_is_lost_fails_from_the_moment_it_is_lost() -> None:
    episode = simulate_episode(replace(SPEC, task="reach", disturbance=Disturbance.SUCCESS_LOST))
    assert episode.success.any()
    assert episode.onset_s is not None
    assert not episode.failing[episode.success].any()
    assert episode.stamps_s[episode.success].max() <= episode.onset_s + 1e-9
    assert episode.progress[-1] < 0.92


def test_a_variation_changes_what_is_seen_and_nothing_else() -> None:
    usual, *others = (
        simulate_episode(replace(SPEC, task="reach", variation=variation))
        for variation in (Variation.NONE, Variation.CAMERA, Variation.LIGHT, Variation.TEXTURE)
    )
    for other in others:
        np.testing.assert_array_equal(usual.joint_positions, other.joint_positions)
        np.testing.assert_array_equal(usual.progress, other.progress)
        assert np.abs(usual.frames["front"].astype(int) - other.frames["front"].astype(int)).mean() > 3.0
    camera, light, _ = others
    np.testing.assert_array_equal(usual.frames["wrist"], camera.frames["wrist"])
    assert np.abs(usual.frames["wrist"].astype(int) - light.frames["wrist"].astype(int)).mean() > 3.0


def test_a_held_out_wording_is_one_that_is_not_trained_on() -> None:
    episode = simulate_episode(replace(SPEC, task="reach", held_out_wording=True))
    assert episode.instruction in TASKS["reach"].held_out_instructions


def test_what_is_said_to_be_possible_comes_out_right_now_and_then() -> None:
    for kind in (Disturbance.NONE, Disturbance.NEAR_MISS, Disturbance.REWIND):
        assert draws_right(("reach", kind, 2)) >= 1
