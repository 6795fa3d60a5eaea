from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from replay.judged import PIXEL, trace

from vlm_judge_ros.cli import main
from vlm_judge_ros.replay.outputs.episode_file import EPISODE, EpisodeRecord
from vlm_judge_ros.replay.outputs.pictures import FOLDER, Picture
from vlm_judge_ros.verdict.verdict import State


def judged(results: Path, key: str, name: str, *states: tuple[float, State]) -> None:
    folder = results / key / FOLDER
    folder.mkdir(parents=True)
    (folder / "0.jpg").write_bytes(PIXEL)
    record = EpisodeRecord(
        key=key,
        origin="somewhere",
        trace=replace(trace(*states), name=name, shots=()),
        pictures=(Picture("front", 0.0, "0.jpg"),),
    )
    (results / key / EPISODE).write_text(record.model_dump_json())


@pytest.fixture
def results(tmp_path: Path) -> Path:
    judged(tmp_path / "out", "a-1", "good one", (9.0, State.SUCCEEDED))
    judged(tmp_path / "out", "b-2", "bad one", (5.0, State.FAILED))
    return tmp_path / "out"


def test_the_page_is_made_from_the_folders_alone(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(results), "--title", "Monday"]) == 0
    page = (results / "report.html").read_text()
    assert "2 episodes" in capsys.readouterr().out
    assert page.index("bad one") < page.index("good one")
    assert "<h1>Monday</h1>" in page
    assert "data:image/jpeg;base64," in page
    assert "From somewhere" in page


def test_pictures_that_do_not_fit_are_linked_from_where_the_page_lies(results: Path, tmp_path: Path) -> None:
    assert main(["report", str(results), "--picture-megabytes", "0"]) == 0
    page = (results / "report.html").read_text()
    assert 'src="b-2/pictures/0.jpg"' in page
    assert "data:image" not in page
    assert main(["report", str(results), "--picture-megabytes", "0", "--out", str(tmp_path / "page.html")]) == 0
    assert 'src="out/b-2/pictures/0.jpg"' in (tmp_path / "page.html").read_text()


def test_a_record_that_was_tampered_with_leads_to_no_other_file(results: Path) -> None:
    path = results / "a-1" / EPISODE
    record = json.loads(path.read_text())
    record["pictures"][0]["file"] = "../../../secret.jpg"
    path.write_text(json.dumps(record))
    (results / "a-1" / FOLDER / "secret.jpg").write_bytes(PIXEL)
    assert main(["report", str(results), "--picture-megabytes", "0"]) == 0
    page = (results / "report.html").read_text()
    assert 'src="a-1/pictures/secret.jpg"' in page
    assert "../" not in page.split("<body>")[1].split("<footer")[0]


def test_labels_in_the_folder_stand_beside_the_verdicts(results: Path) -> None:
    (results / "labels.csv").write_text(
        "episode,score,success,rater,note\na-1,0.9,yes,anna,well done\nb-2,0.3,yes,anna,\n"
    )
    assert main(["report", str(results)]) == 0
    page = (results / "report.html").read_text()
    assert "Agreement with people" in page
    assert "differs from the recorded truth and people" in page
    assert "well done" in page


def test_a_folder_without_episodes_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert "There is no judged episode in" in capsys.readouterr().err
