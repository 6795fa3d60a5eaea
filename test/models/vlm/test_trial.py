from __future__ import annotations

import sys
from pathlib import Path

import pytest
from models.vlm.trial_graph import trial_graph

from vlm_judge_ros.models.vlm.trial import GRAPH, run_trial, run_trial_apart


def test_the_shipped_graph_is_the_one_that_is_described() -> None:
    onnx = pytest.importorskip("onnx")
    assert onnx.load_from_string(GRAPH.read_bytes()) == onnx.load_from_string(trial_graph())


@pytest.mark.parametrize("run", [run_trial, run_trial_apart])
def test_the_cpu_really_runs(run: object) -> None:
    assert callable(run)
    trial = run("CPUExecutionProvider")
    assert trial.ran, trial.fault
    assert trial.fault == ""
    assert 0.0 < trial.warm_s < trial.first_s
    assert trial.process_bytes > 1 << 20


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_is_not_there_does_not_pass_by_way_of_the_cpu() -> None:
    trial = run_trial("NoSuchExecutionProvider")
    assert not trial.ran
    assert trial.fault


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("kill -SEGV $$", "it crashed the process (SIGSEGV)"),
        ("echo bad luck >&2; exit 3", "its process ended with status 3: bad luck"),
    ],
)
def test_a_provider_that_takes_its_process_down_is_a_fault(
    script: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    trial = run_trial_apart("CPUExecutionProvider")
    assert (trial.ran, trial.fault) == (False, fault)
