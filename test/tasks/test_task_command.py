from __future__ import annotations

import json
from pathlib import Path

import pytest

from vlm_judge_ros.cli import main
from vlm_judge_ros.tasks.task_file import shipped_tasks


def test_check_says_what_a_file_declares(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "check", "pick_and_place"]) == 0
    told = capsys.readouterr().out
    assert '"put the red cup on the shelf"' in told
    assert "wrist_force [N]: norm(wrench.force) of " in told
    assert "contact_force: threshold" in told


def test_check_tells_every_fault_and_goes_on_with_the_next_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: A\ninstruction: ''\n", encoding="utf-8")
    assert main(["task", "check", str(broken), str(tmp_path / "absent.yaml"), "pick_and_place"]) == 1
    told = capsys.readouterr()
    assert [line.partition(":")[0] for line in told.err.splitlines()[:2]] == [f"{broken}, line 1", f"{broken}, line 2"]
    assert "absent.yaml' cannot be read (No such file or directory)" in told.err
    assert "put the red cup on the shelf" in told.out


def test_check_refuses_files_that_contradict_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\ninstruction: push\n", encoding="utf-8")
    assert main(["task", "check", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]) == 1
    assert "declare the task 'push'" in capsys.readouterr().err


def test_check_says_where_motion_is_all_the_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "push.yaml"
    path.write_text("name: push\ninstruction: push the button\n", encoding="utf-8")
    assert main(["task", "check", str(path)]) == 0
    assert "motion alone is weak evidence" in capsys.readouterr().out


def test_list_names_every_shipped_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "list"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}: " in told for name in shipped_tasks())


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Task of vlm_judge_ros"
