"""Decisions between chunks, written for training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from simulator import experts_ask_for_too_much

from vlm_judge_ros.closed_loop.decision_dataset import FIRST_SEED, loop_task, main
from vlm_judge_ros.simulation.tasks import TRAINED_TASKS

pytestmark = experts_ask_for_too_much


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("decisions")
    seed = next(seed for seed in range(FIRST_SEED, FIRST_SEED + 100) if loop_task(seed).task == "drawer-close")
    assert main(["--out", str(out), "--episodes", "1", "--first-seed", str(seed), "--k", "3"]) == 0
    return out


def _pictures(file: Path, camera: str) -> list[np.ndarray]:
    with np.load(file) as content:
        parts = np.split(content[camera], content[f"{camera}_ends"][:-1])
    return [cv2.imdecode(part, cv2.IMREAD_COLOR_RGB).astype(float) for part in parts]


def test_each_decision_has_its_own_picture_those_of_its_chunks_and_what_is_left(folder: Path) -> None:
    (file,) = folder.glob("*.npz")
    with np.load(file) as content:
        left, stamps_s, clean = content["left"], content["stamps_s"], int(content["clean_steps"])
        assert str(content["task"]) == "drawer-close"
        assert str(content["instruction"])
    decisions = len(stamps_s)
    assert left.shape == (decisions, 3)
    assert ((left >= 0) & (left <= 3 * clean)).all()
    np.testing.assert_allclose(stamps_s, np.arange(decisions), atol=1e-6)
    for camera in ("front", "wrist"):
        assert len(_pictures(file, camera)) == decisions * 4


def test_what_is_seen_at_a_decision_is_the_end_of_a_chunk_of_the_one_before(folder: Path) -> None:
    (file,) = folder.glob("*.npz")
    shown = _pictures(file, "front")
    for decision in range(1, len(shown) // 4):
        before = shown[4 * decision - 3 : 4 * decision]
        assert min(np.abs(shown[4 * decision] - end).mean() for end in before) < 0.01


def test_an_episode_that_is_there_is_kept(folder: Path) -> None:
    (file,) = folder.glob("*.npz")
    written_ns = file.stat().st_mtime_ns
    assert main(["--out", str(folder), "--episodes", "1", "--first-seed", file.stem, "--k", "3"]) == 0
    assert file.stat().st_mtime_ns == written_ns


def test_tasks_take_turns_and_noise_differs() -> None:
    tasks = [loop_task(seed) for seed in range(FIRST_SEED, FIRST_SEED + len(TRAINED_TASKS))]
    assert {task.task for task in tasks} == set(TRAINED_TASKS)
    assert len({task.noise for task in tasks}) == len(tasks)
    assert loop_task(FIRST_SEED) == tasks[0]


def test_seeds_of_the_evaluation_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path), "--first-seed", str(FIRST_SEED - 1)])
    assert f"belongs to vlm-judge steer-eval; give {FIRST_SEED} or more" in capsys.readouterr().err


def test_an_episode_that_could_not_be_played_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / f"{FIRST_SEED}.impossible").touch()
    assert main(["--out", str(tmp_path), "--episodes", "1"]) == 0
    assert not list(tmp_path.glob("*.npz"))
