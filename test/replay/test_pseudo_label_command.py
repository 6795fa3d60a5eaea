from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import cli

SQUARE = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]


def test_runs_with_several_seeds_give_labels_and_twins_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bags = [EpisodeBag(name="good").write(tmp_path), EpisodeBag(name="short", duration_s=0.5).write(tmp_path)]
    runs = [str(tmp_path / f"seed{seed}") for seed in (1, 2)]
    for seed, run in enumerate(runs, start=1):
        assert cli.main(["score", *map(str, bags), "--out", run, *SQUARE, "--set", f"seed={seed}"]) == 0
    out = tmp_path / "labels.jsonl"
    capsys.readouterr()
    assert cli.main(["pseudo-label", *runs, "--samples", "2", "--out", str(out), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["kept"] + sum(counts["dropped"].values()) == 2
    labels = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(label["episode"], label["outcome"], label["label_source"]) for label in labels][:1] == [
        ("good", "success", "pseudo")
    ]
    twin = tmp_path / "twin"
    shutil.copytree(runs[0], twin)
    assert cli.main(["pseudo-label", runs[0], str(twin), "--out", str(out)]) == 1
    assert "would only repeat each other" in capsys.readouterr().err
    assert cli.main(["pseudo-label", str(tmp_path), "--out", str(out)]) == 1
    assert "holds no results of vlm-judge score" in capsys.readouterr().err
