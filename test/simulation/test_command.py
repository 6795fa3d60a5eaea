from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from vlm_judge_ros.cli import main

WITHOUT_SIMULATOR = importlib.util.find_spec("metaworld") is None


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--size", "huge"], "--size huge"),
        (["--size", "1x1"], "--size 1x1"),
        (["--count", "0"], "--count 0"),
        (["--seed", "-1"], "--seed -1"),
        (["--quality", "101"], "--quality 101"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(
    words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--out", str(tmp_path / "out"), *words]) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_existing_output_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "push_stall_3").mkdir()
    words = ["simulate", "--task", "push", "--disturbance", "stall", "--seed", "3", "--out", str(tmp_path)]
    assert main(words) == 1
    assert "push_stall_3 exists" in capsys.readouterr().err


@pytest.mark.skipif(not WITHOUT_SIMULATOR, reason="the simulator is installed")
def test_without_the_extra_one_sentence_says_how_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--out", str(tmp_path / "out")]) == 1
    assert "EXTRAS=simulate" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
