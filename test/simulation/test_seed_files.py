"""Files of simulated data, one for each seed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.episode import EpisodeImpossible
from vlm_judge_ros.simulation.seed_files import KEPT, MADE, Outcome, encode_square, joined, make_file, make_files


def _fail() -> dict[str, np.ndarray]:
    raise EpisodeImpossible("the drawer stays closed")


def _never() -> dict[str, np.ndarray]:
    raise AssertionError("what is there is made again")


def make_one(job: tuple[Path, int]) -> Outcome:
    """At the top level, where another process finds it: even seeds give files, odd ones none."""
    folder, seed = job
    return make_file(folder, seed, _fail if seed % 2 else lambda: {"seed": np.array(seed)})


def cannot_simulate(job: int) -> Outcome:
    """What every job does on a machine without a simulator."""
    raise JudgeError("There is no simulator; install the extra simulate.")


def test_a_file_is_made_once(tmp_path: Path) -> None:
    assert make_file(tmp_path, 7, lambda: {"values": np.arange(3)}) == (7, MADE)
    with np.load(tmp_path / "000007.npz") as file:
        assert file["values"].tolist() == [0, 1, 2]
    assert make_file(tmp_path, 7, _never) == (7, KEPT)


def test_a_seed_of_which_nothing_can_be_made_is_not_tried_again(tmp_path: Path) -> None:
    assert make_file(tmp_path, 7, _fail) == (7, "the drawer stays closed")
    assert make_file(tmp_path, 7, _never) == (7, KEPT)
    assert not list(tmp_path.glob("*.npz"))


def test_what_was_interrupted_leaves_no_file(tmp_path: Path) -> None:
    def interrupted() -> dict[str, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_file(tmp_path, 7, interrupted)
    assert not list(tmp_path.iterdir())
    assert make_file(tmp_path, 7, lambda: {}) == (7, MADE)


def test_several_processes_make_all_and_tell_what_could_not_be_made(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert make_files(make_one, [(tmp_path, seed) for seed in range(5)], processes=2) == 0
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["000000.npz", "000002.npz", "000004.npz"]
    out, err = capfd.readouterr()
    assert "5/5 episodes" in out
    assert "3 episodes, 2 could not be simulated" in out
    assert sorted(err.splitlines()) == [f"seed {seed}: the drawer stays closed" for seed in (1, 3)]


def test_a_machine_without_a_simulator_says_so_in_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    assert make_files(cannot_simulate, [1, 2], processes=1) == 1
    assert capfd.readouterr().err == "There is no simulator; install the extra simulate.\n"


def test_images_lie_one_after_another_and_come_out_as_they_went_in() -> None:
    pictures = [np.full((60, 80, 3), level, np.uint8) for level in (20, 200)]
    arrays = joined("front", [encode_square(picture, 32) for picture in pictures])
    parts = np.split(np.asarray(arrays["front"]), np.asarray(arrays["front_ends"])[:-1])
    for part, picture in zip(parts, pictures, strict=True):
        image = cv2.imdecode(part, cv2.IMREAD_COLOR_RGB)
        assert image.shape == (32, 32, 3)
        assert np.abs(image.astype(float) - picture[0, 0]).max() < 3
