from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

from replay.episode_bag import EpisodeBag
from replay.made_dataset import MadeDataset, level, write_video

from vlm_judge_ros import cli
from vlm_judge_ros.replay.outputs.episode_file import read_episode

SQUARE = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]


def score(out: Path, *words: str | Path) -> int:
    return cli.main(["score", *map(str, words), "--out", str(out), *SQUARE])


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_dataset_is_scored_and_a_broken_episode_does_not_stop_the_others(
    tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = MadeDataset(tmp_path / "cubes", version, lengths=(8, 6, 7), tasks=("Push.", "Pull.", "Lift."))
    made.write()
    if version == "v2.1":
        next(made.root.rglob("episode_000001.mp4")).unlink()
    status = score(tmp_path / "out", made.root, "--json")
    result = json.loads(capsys.readouterr().out)
    if version == "v2.1":
        assert status == 1
        assert result["scored"] == ["cubes_episode_000000", "cubes_episode_000002"]
        (failed,) = result["failed"]
        assert failed["episode"] == "cubes_episode_000001" and "There is no video at" in failed["reason"]
    else:
        assert status == 0
    trace = read_episode(tmp_path / "out" / "cubes_episode_000002").trace
    assert trace.task == "Lift." and trace.frames_in == {"front": 7, "wrist": 7}


def test_scores_of_columns_come_to_the_page_also_from_the_folders_alone(tmp_path: Path) -> None:
    made = MadeDataset(tmp_path / "cubes", lengths=(6, 6), further={"score": [0.9, 0.25], "stars": [5, 2]}).write()
    out = tmp_path / "out"
    assert score(out, made, "--score-column", "score", "--score-column", "stars=1:5") == 0
    told = read_episode(out / "cubes_episode_000001").scores
    assert [(one.column, one.score) for one in told] == [("score", 0.25), ("stars", 0.25)]
    page = (out / "report.html").read_text()
    assert "Raters: score, stars" in page
    assert "people (2)" in page and "difference of two people" in page
    (out / "report.html").unlink()
    assert cli.main(["report", str(out)]) == 0
    assert (out / "report.html").read_text() == page


def test_bags_datasets_and_videos_can_be_scored_together(tmp_path: Path) -> None:
    bag = EpisodeBag(name="good").write(tmp_path)
    dataset = MadeDataset(tmp_path / "sets/cubes", lengths=(6, 6)).write()
    for camera in ("front", "wrist"):
        write_video(tmp_path / f"videos/try_{camera}.mp4", [level(0, index, camera == "wrist") for index in range(6)])
    words = [bag, dataset.parent, tmp_path / "videos", "--task", "Push.", "--episodes", "0"]
    assert score(tmp_path / "out", *words) == 0
    folders = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert folders == {"good", "cubes_episode_000000", "try"}
    assert read_episode(tmp_path / "out" / "try").trace.cameras == ("front", "wrist")


def test_two_videos_are_one_episode(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [60] * 6)
    write_video(tmp_path / "b.mp4", [160] * 5)
    words = ["--video", f"front={tmp_path / 'a.mp4'}", "--video", f"wrist={tmp_path / 'b.mp4'}", "--task", "Push."]
    assert score(tmp_path / "out", *words) == 0
    assert read_episode(tmp_path / "out" / "a").trace.frames_in == {"front": 6, "wrist": 5}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Nothing is named"),
        (["--video", "a.mp4"], "CAMERA=FILE"),
        (["--video", "front=a.mp4", "--video", "front=b.mp4"], "CAMERA=FILE"),
        (["x", "--episodes", "1-3"], "cannot be read"),
        (["x", "--joint-unit", "grad"], "'grad' of joints"),
        (["x", "--chunk-s", "-1"], "--chunk-s -1"),
        (["x", "--score-column", "stars=5"], "--score-column stars=5"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(
    tmp_path: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(tmp_path / "out", *words) == 1
    error = capsys.readouterr().err
    assert reason in error and "Traceback" not in error


def test_a_question_about_the_cameras_names_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = ("observation.images.high", "observation.images.low")
    root = MadeDataset(tmp_path / "cubes", cameras=keys, lengths=(3,)).write()
    assert score(tmp_path / "out", root) == 1
    assert "has the cameras observation.images.high, observation.images.low; say which" in capsys.readouterr().err
