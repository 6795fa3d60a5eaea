"""Scoring on a Ray instance of this machine, where Ray is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from replay.scoring.halting_judge import HALT
from replay.scoring.scoring_process import ScoringProcess

from vlm_judge_ros import cli

JUDGE = ("--judge", "node.square_judge:create")


def test_without_ray_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    bag = EpisodeBag(name="good").write(tmp_path)
    assert cli.main(["score", str(bag), "--out", str(tmp_path / "out"), "--engine", "ray", *JUDGE]) == 1
    assert "pip install 'vlm_judge_ros[ray]'" in capsys.readouterr().err


needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bags")
    return {
        "one": EpisodeBag(name="one", duration_s=1.0).write(folder),
        "two": EpisodeBag(name="two", duration_s=1.5).write(folder),
        "halting": EpisodeBag(name="halting", duration_s=1.5, task=HALT).write(folder),
    }


def on_ray(out: Path, *words: str | Path) -> ScoringProcess:
    return ScoringProcess(out, [*words, "--engine", "ray"])


def processes(name: str) -> Iterator[int]:
    """Those of this machine that call themselves so."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(name.encode()):
                yield int(path.parent.name)


@needs_ray
def test_a_cluster_writes_what_one_machine_writes(bags: dict[str, Path], tmp_path: Path) -> None:
    words = [bags["one"], bags["two"], tmp_path / "missing"]
    status, text = on_ray(tmp_path / "ray", *words, "--jobs", "2").await_end()
    assert status == 1, text
    assert "Traceback" not in text
    local_status, local_text = ScoringProcess(tmp_path / "local", words).await_end()
    assert local_status == 1, local_text
    for key in ("one", "two"):
        ray, local = (tmp_path / name / key / "verdicts.jsonl" for name in ("ray", "local"))
        assert ray.read_bytes() == local.read_bytes()
    assert (tmp_path / "ray" / "failed.jsonl").read_text() == (tmp_path / "local" / "failed.jsonl").read_text()


@needs_ray
def test_a_run_that_is_ended_goes_on_with_resume(bags: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = on_ray(out, bags["one"], bags["halting"], "--jobs", "2")
    run.await_episode("one")
    run.await_episode(".unfinished-halting")
    run.send(signal.SIGTERM)
    status, text = run.await_end()
    assert status == 128 + signal.SIGTERM, text
    assert "--resume goes on" in text
    status, text = on_ray(out, bags["one"], bags["two"], "--resume").await_end()
    assert status == 0, text
    assert "1 scored, 1 finished before" in text
    assert not list(out.glob(".unfinished*"))


@needs_ray
def test_a_process_of_the_cluster_that_dies_takes_one_episode_with_it(bags: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = set(processes("ray::RemoteScorer"))
    run = on_ray(out, bags["halting"], bags["one"], "--jobs", "1")
    run.await_episode(".unfinished-halting")
    (scorer,) = set(processes("ray::RemoteScorer")) - before
    os.kill(scorer, signal.SIGKILL)
    status, text = run.await_end()
    assert status == 1, text
    assert (out / "one" / "verdicts.jsonl").exists()
    (failed,) = map(json.loads, (out / "failed.jsonl").read_text().splitlines())
    assert failed["episode"] == "halting"
    assert failed["reason"].startswith("Its process on the cluster ended before the episode was finished")
