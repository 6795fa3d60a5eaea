from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import cli
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.verdict.verdict import State, Verdict

SQUARE = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]


def score(out: Path, *words: str | Path) -> int:
    return cli.main(["score", *map(str, words), "--out", str(out), *SQUARE])


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bags")
    return [
        EpisodeBag(name="good").write(folder),
        EpisodeBag(
            name="bad", duration_s=5.0, task="fail to move the square", failure_mode="OBJECT_DROPPED", onset_s=1.0
        ).write(folder),
    ]


def test_every_episode_gets_a_folder_and_all_of_them_a_page(bags: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert score(out, *bags) == 0
    assert {path.name for path in out.iterdir()} >= {"good", "bad", "report.html"}
    lines = (out / "good" / "verdicts.jsonl").read_text().splitlines()
    assert Verdict.model_validate_json(lines[-1]).episode_id == "good"
    assert read_episode(out / "bad").trace.final_state is State.FAILED
    assert [path.name for path in out.glob(".unfinished*")] == []


def test_what_is_made_of_an_episode_does_not_depend_on_those_before_it(bags: list[Path], tmp_path: Path) -> None:
    assert score(tmp_path / "both", *bags) == 0
    assert score(tmp_path / "alone", bags[1]) == 0
    both, alone = (tmp_path / name / "bad" / "verdicts.jsonl" for name in ("both", "alone"))
    assert both.read_bytes() == alone.read_bytes()


def test_outputs_can_be_chosen(bags: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert score(out, bags[0], "--with", "verdicts") == 0
    assert not (out / "report.html").exists()
    assert (out / "good" / "verdicts.jsonl").exists()


def test_the_result_can_be_read_by_programs(
    bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(tmp_path / "out", tmp_path / "missing", bags[0], "--json") == 1
    result = json.loads(capsys.readouterr().out)
    assert result["scored"] == ["good"]
    assert [failed["origin"] for failed in result["failed"]] == [str(tmp_path / "missing")]
    assert "There is no bag" in result["failed"][0]["reason"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--with", "verdict"], "no output called 'verdict'"),
        (["--camera", "front"], "NAME=TOPIC"),
        (["--set", "perod_s=1.0"], "no parameter 'perod_s'"),
        (["--set", "period_s=soon"], 'period_s is "soon"'),
        (["--set", "period_s=9.0"], "opinion_timeout_s"),
        (["--config", "missing.yaml"], "missing.yaml cannot be read"),
        (["--judge", "oracle"], "no judge called 'oracle'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    words: list[str], reason: str, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["score", str(bags[0]), "--out", str(tmp_path / "out"), *words]) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert "Traceback" not in error


def test_a_folder_with_something_in_it_is_not_written_to(
    bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert score(tmp_path, bags[0]) == 1
    assert "not empty" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {"thesis.txt", ".lock"}


def test_an_output_over_all_episodes_that_cannot_be_written_is_named_beside_what_failed(
    bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert score(out, bags[0], "--with", "verdicts") == 0
    (out / "report.html").mkdir()
    assert score(out, tmp_path / "missing", bags[0], "--resume") == 1
    error = capsys.readouterr().err
    assert "failed: the output report: " in error
    assert "There is no bag" in error


def test_the_table_opens_as_it_is_and_runs_no_formula(tmp_path: Path) -> None:
    bag = EpisodeBag(name="sum", truth=False, task="=HYPERLINK(1), bewege das Quadr\u00e4tchen").write(tmp_path)
    out = tmp_path / "out"
    assert score(out, bag) == 0
    with (out / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["task"] == "'=HYPERLINK(1), bewege das Quadr\u00e4tchen"
    assert (line["episode"], line["true_outcome"], line["verdict_is_right"]) == ("sum", "", "")
    (record,) = map(json.loads, (out / "episodes.jsonl").read_text(encoding="utf-8").splitlines())
    assert record["task"].startswith("=HYPERLINK")
    assert record["progress"] == float(line["progress"])
    assert record["true_onset_s"] is None
