from __future__ import annotations

from pathlib import Path

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.scoring.result_folder import FILES, ResultFolder


def test_an_edited_file_is_named_when_a_run_is_resumed(tmp_path: Path) -> None:
    before = {"task": "", FILES: {"lift.yaml": "a", "gone.yaml": "b"}}
    with ResultFolder(tmp_path / "out", before, resume=False):
        pass
    now = {"task": "", FILES: {"lift.yaml": "c", "gone.yaml": "b"}}
    with (
        pytest.raises(JudgeError, match=r"the content of lift\.yaml has changed since"),
        ResultFolder(tmp_path / "out", now, resume=True),
    ):
        pass
    with (
        pytest.raises(JudgeError, match=r"gone\.yaml was there and is not"),
        ResultFolder(tmp_path / "out", {"task": "", FILES: {"lift.yaml": "a"}}, resume=True),
    ):
        pass
    with ResultFolder(tmp_path / "out", before, resume=True):
        pass


def test_what_a_killed_run_had_begun_to_write_is_gone_when_it_is_resumed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".run.json.4711.new").write_text("{")
    with ResultFolder(out, {}, resume=False):
        whole = {path.name for path in out.iterdir()}
    assert whole == {".lock", "run.json"}
    (out / ".unfinished-one").mkdir()
    (out / ".report.html.4711.new").write_text("<html>")
    (out / ".mine.newer").write_text("mine")
    with ResultFolder(out, {}, resume=True):
        assert {path.name for path in out.iterdir()} == {*whole, ".mine.newer"}
