from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import cli
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.labels import LabelFile

BAD = EpisodeBag(name="bad", task="fail to move the square", failure_mode="OBJECT_DROPPED", onset_s=1.0)
LABEL = [sys.executable, "-m", "vlm_judge_ros.cli", "label"]


@contextmanager
def _labelling(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*LABEL, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_address_that_it_prints_shows_the_page_until_it_is_interrupted(tmp_path: Path) -> None:
    bag, out = EpisodeBag(duration_s=0.3).write(tmp_path), tmp_path / "labels.csv"
    with _labelling(bag, "--out", out, "--rater", "Ada") as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == f"1 to label, 0 of them done by Ada; labels go to {out}\n"
        address = process.stdout.readline().removeprefix("Open ").strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/", address)
        with urllib.request.urlopen(address, timeout=60) as reply:
            assert b"<title>Label episodes</title>" in reply.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stdout.read().endswith("0 of 1 done; the same command goes on from here\n")
        assert process.stderr.read() == ""
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{bag}", "--rater", "  "], "The rater '' is no name of 1 to 80 characters; give one with --rater."),
        (["{bag}", "--pairs"], "There are no two episodes of the same task to compare; name further recordings."),
        (["{bag}", "--results", "{bag}/none"], "There are no results at"),
        (["{bag}", "--camera", "front"], "--camera front is not of the form NAME=TOPIC"),
        (["{bag}/none"], "There are no episodes to label; name further recordings."),
        ([], "Nothing is named that was recorded; give a bag, a dataset or a video."),
    ],
)
def test_what_cannot_be_labelled_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    bag = EpisodeBag(duration_s=0.3).write(tmp_path)
    filled = [word.replace("{bag}", str(bag)) for word in words]
    assert cli.main(["label", *filled, "--out", str(tmp_path / "labels.csv")]) == 1
    assert f"vlm-judge: {told}" in capsys.readouterr().err


def test_a_file_of_labels_that_is_broken_is_told_before_anything_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, out = EpisodeBag(duration_s=0.3).write(tmp_path), tmp_path / "labels.csv"
    out.write_text("episode,score\na,2,\n")
    assert cli.main(["label", str(bag), "--out", str(out)]) == 1
    assert "line 2: the row has 3 cells" in capsys.readouterr().err


def test_labels_go_from_the_page_to_the_report_by_the_keys_of_the_episodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bags = [EpisodeBag(name="good").write(tmp_path), BAD.write(tmp_path)]
    labels, out = LabelFile(tmp_path / "labels.csv"), tmp_path / "out"
    labels.put(Label(episode="good", score=1.0, success=True, rater="Ada"))
    labels.put(Label(episode="bad", score=0.25, success=False, failure_mode=FailureMode.SLIP, rater="Ada"))
    judge = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]
    words = [*map(str, bags), "--out", str(out), *judge]
    (tmp_path / "broken.csv").write_text("episode,scor\n")
    assert cli.main(["score", *words, "--labels", str(tmp_path / "broken.csv")]) == 1
    assert "is called like score, but not quite" in capsys.readouterr().err
    assert not out.exists()
    assert cli.main(["score", *words, "--labels", str(labels.path)]) == 0
    assert (out / "labels.csv").read_bytes() == labels.path.read_bytes()
    page = (out / "report.html").read_text()
    assert cli.main(["report", str(out), "--out", str(tmp_path / "bare.html"), "--labels", str(labels.path)]) == 0
    assert "Agreement with people" in page
    assert "Agreement with people" in (tmp_path / "bare.html").read_text()
