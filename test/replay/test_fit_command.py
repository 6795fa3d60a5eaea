"""`vlm-judge fit` on bundled episodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlm_judge_ros.cli import main
from vlm_judge_ros.judges.reference_file import read_references
from vlm_judge_ros.replay.bundled import bundled_episode


def test_a_judge_is_fitted_to_the_successes_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "drawer.npz"
    paths = [str(bundled_episode(name)) for name in ("drawer-open_none_900005", "push_wrong_place_900008")]
    assert main(["fit", *paths, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    header = read_references(out).header
    assert header.references == ("drawer-open_none_900005",)
    assert header.cameras == ("front", "wrist")
    assert "Fitted to 1 of 2 episodes" in told
    assert "no rate of false stops can be promised" in told


def test_failures_alone_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(bundled_episode("push_wrong_place_900008"))
    assert main(["fit", path, "--out", str(tmp_path / "x.npz")]) == 1
    assert "None of 1 episodes is a success" in capsys.readouterr().err


def test_different_tasks_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(bundled_episode(name)) for name in ("drawer-open_none_900005", "pick-place_none_900006")]
    assert main(["fit", *paths, "--out", str(tmp_path / "x.npz")]) == 1
    assert "different instructions" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
