from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vlm_judge_ros.node.dds_profile import profile_variable

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels


def doctor(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environment}
    command = [sys.executable, "-m", "vlm_judge_ros.cli", "doctor", *words]
    return subprocess.run(command, env=variables, cwd=os.sep, capture_output=True, text=True, timeout=300)


def test_the_doctor_says_what_really_runs() -> None:
    done = doctor("--judge", "node.square_judge:create")
    lines = {line[8:22].strip(): line for line in done.stdout.splitlines()}
    assert done.stderr == ""
    assert lines["judge"].startswith("ok") and "square 0123456789abcdef really runs on cpu" in lines["judge"]
    assert "ms the first answer" in lines["verdict costs"]
    assert lines["ROS 2"].startswith("ok") and "middleware rmw_" in lines["ROS 2"]
    assert lines["messages"].startswith("ok")
    assert lines["on cpu"].startswith("ok") and "really runs: " in lines["on cpu"]
    for name in ("on cuda", "on tensorrt"):
        assert "really runs: " in lines[name] or " cannot run: " in lines[name]


def test_a_judge_that_cannot_run_is_broken_with_its_reason_and_the_rest_is_still_told() -> None:
    done = doctor("--judge", "no_such_module:create")
    assert done.returncode == 1
    assert "BROKEN  judge          The judge 'no_such_module:create' cannot be imported" in done.stdout
    assert "extra metaworld" in done.stdout


def test_the_doctor_loads_a_vision_language_model_and_says_what_it_costs(tiny_models: TinyModels) -> None:
    folder = tiny_models.get("smolvlm").folder
    done = doctor("--judge", "node.square_judge:create", "--model", str(folder), "--providers", "cpu")
    lines = {line[8:22].strip(): line for line in done.stdout.splitlines()}
    assert "really runs on cpu" in lines["model"]
    assert "s to load" in lines["model costs"] and "key/values take at most" in lines["model costs"]
    assert "first answer" in lines["model answers"]


def test_a_model_that_is_not_there_is_broken_with_its_reason() -> None:
    done = doctor("--judge", "node.square_judge:create", "--model", "no-such-model")
    assert done.returncode == 1
    assert "BROKEN  model          The model 'no-such-model' is neither a folder nor a known model" in done.stdout


def test_the_doctor_knows_whether_the_shipped_dds_profile_is_in_use() -> None:
    (line,) = (line for line in doctor().stdout.splitlines() if "DDS profile" in line)
    assert line.startswith("absent")
    shipped = line.split()[-1]
    again = doctor(**{profile_variable(): shipped}).stdout
    assert f"{shipped} is in use" in again
