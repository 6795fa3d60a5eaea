"""A file whose content changed is another setting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vlm_judge_ros.parameters.judge_node import PARAMETERS
from vlm_judge_ros.replay.scoring.named_files import NAMING_FILES, named_files

TASK = "name: lift\ninstruction: lift the cup\n"


def test_what_a_file_holds_counts_and_not_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "lift.yaml"
    path.write_text(TASK)
    before = named_files({"task_files": (str(path),)})
    os.utime(path, (1, 1))
    assert named_files({"task_files": (str(path),)}) == before
    path.write_text(TASK.replace("cup", "mug"))
    assert named_files({"task_files": (str(path),)}) != before


def test_what_is_in_a_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.json").write_text("1")
    hashes = [named_files({"checklist": str(tmp_path)})]
    (tmp_path / "deep" / "one.json").write_text("2")
    hashes.append(named_files({"checklist": str(tmp_path)}))
    (tmp_path / "deep" / "one.json").rename(tmp_path / "deep" / "two.json")
    hashes.append(named_files({"checklist": str(tmp_path)}))
    assert len({str(each) for each in hashes}) == 3


def test_what_a_file_names_counts(tmp_path: Path) -> None:
    cues, prompt, ensemble = (tmp_path / name for name in ("cues.yaml", "prompt.yaml", "both.yaml"))
    cues.write_text("name: cues-v1")
    prompt.write_text(f"failure_cues: {cues}")
    ensemble.write_text(f"members:\n  - {{judge: critique, prompts: {prompt}}}\n  - {{judge: embedded, model: none}}\n")
    assert set(named_files({"ensemble": str(ensemble)})) == {str(cues), str(prompt), str(ensemble)}


def test_files_that_name_each_other_come_to_an_end(tmp_path: Path) -> None:
    path = tmp_path / "loop.yaml"
    path.write_text(f"prompts: {path}\n")
    assert list(named_files({"prompts": str(path)})) == [str(path)]


def test_a_judge_of_ones_own_is_known_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "judge_of_mine.py").write_text("one = 1\n")
    before = named_files({"judge": "judge_of_mine:create"})
    (tmp_path / "judge_of_mine.py").write_text("one = 2\n")
    assert set(before) == {"module judge_of_mine"}
    assert named_files({"judge": "judge_of_mine:create"}) != before
    assert named_files({"judge": "no_such_module_at_all.judge:create"}) == {}


def test_what_is_shipped_or_not_there_is_left_out() -> None:
    assert named_files({"judge": "embedded", "prompts": "ten-v1", "calibration": "missing.json", "model": ""}) == {}


def test_every_parameter_that_speaks_of_a_file_is_looked_at() -> None:
    speaking = {entry.name for entry in PARAMETERS if "file" in entry.text.lower() or "folder" in entry.text.lower()}
    of_texts = {entry.name for entry in PARAMETERS if isinstance(entry.default, (str, tuple))}
    written = {"record", "evidence_folder"}
    # Recordings are not steered: what was done was done.
    of_steering = {"steering_limits", "steering_cameras", "steering_urdf"}
    assert (speaking & of_texts) - written - of_steering <= NAMING_FILES | {"precision", "success_evidence"}
