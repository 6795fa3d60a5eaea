from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from rosbags.rosbag2 import StoragePlugin

from vlm_judge_ros.replay.summary import Summary

JUDGE = "node.square_judge:create"
BOUND_S = 300
# Passed on to all that a demonstration starts, to find it again.
MARK = "DEMO_MARK"


@contextlib.contextmanager
def demo(*words: object, judge: str = JUDGE, mark: object = "") -> Iterator[subprocess.Popen[str]]:
    """Run `vlm-judge demo` with the square judge of this folder, or another."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "NO_COLOR": "1", MARK: str(mark)}
    command = [sys.executable, "-m", "vlm_judge_ros.cli", "demo", "--judge", judge, *map(str, words)]
    # Not from the checkout: there the folder of the sources, which has no messages, would be found first.
    folder = Path(os.sep)
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    return process.communicate(timeout=BOUND_S)


def running_nodes(mark: Path) -> list[str]:
    """Command lines of the judge nodes and judges that a demonstration with this page started and that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}\0".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " "))
    return [words for words in found if words]


def await_no_nodes(mark: Path) -> None:
    end_s = time.monotonic() + 10.0
    while (left := running_nodes(mark)) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert left == []


def test_a_success_and_a_failure_are_judged_live_and_reported_for_people_and_machines(tmp_path: Path) -> None:
    good = EpisodeBag(name="good", duration_s=4.0).write(tmp_path)
    bad = EpisodeBag(
        name="bad", duration_s=6.0, task="fail to move", failure_mode="OBJECT_DROPPED", onset_s=1.2, raw=True
    ).write(tmp_path)
    with demo("--bag", good, "--bag", bad, "--out", tmp_path / "page.html", "--json") as process:
        out, err = finish(process)
        assert process.returncode == 0, err
    assert out.count("\n") == 1, "one object and nothing else"
    summary = Summary.model_validate_json(out)
    success, failure = summary.episodes
    assert (success.name, success.truth, success.verdict) == ("good", "success", "SUCCEEDED")
    assert (success.onset_s, success.recognised_s) == (None, None)
    assert success.final_progress == pytest.approx(1.0, abs=0.05)
    assert (failure.name, failure.truth, failure.verdict) == ("bad", "OBJECT_DROPPED", "FAILED")
    assert failure.onset_s == 1.2
    assert failure.recognised_s is not None and failure.recognised_s > failure.onset_s
    for episode in summary.episodes:
        assert episode.verdicts >= 3
        count = 41 if episode is success else 61
        assert episode.frames_in == {"front": count, "wrist": count}
        assert episode.frames_lost == {"front": 0, "wrist": 0}
    page = Path(summary.report).read_text()
    assert summary.report == tmp_path / "page.html"
    assert re.search(r"Failure recognised at \d\.\d s, \d\.\d s after it began at 1\.2 s\.", page)
    assert "The judge gives 97% for failing: object dropped." in page
    for text in ("Episode 1 of 2: good", "SUCCEEDED", "FAILED", "after it began at 1.2 s"):
        assert text in err, "people see it in the terminal too"


def test_a_bag_in_sqlite_played_at_twice_its_pace_is_judged_the_same_way(tmp_path: Path) -> None:
    bag = EpisodeBag(name="good", duration_s=4.0, storage=StoragePlugin.SQLITE3, truth=False).write(tmp_path)
    with demo("--bag", bag, "--rate", "2", "--out", tmp_path / "page.html", "--json") as process:
        out, err = finish(process)
        assert process.returncode == 0, err
    (episode,) = json.loads(out)["episodes"]
    assert (episode["truth"], episode["verdict"], episode["name"]) == (None, "SUCCEEDED", "good")
    assert episode["frames_in"] == {"front": 41, "wrist": 41}


def test_parameters_of_the_node_can_be_set(tmp_path: Path) -> None:
    bag = EpisodeBag(name="good", duration_s=1.0).write(tmp_path)
    for setting, code, words in (
        ("keyframes=0", 1, "Parameter keyframes is 0; set it to a whole number from 2 to 64."),
        ("keyframes", 2, "'keyframes' is not NAME=VALUE with a parameter of the judge node"),
        ("frames=8", 2, "'frames=8' is not NAME=VALUE with a parameter of the judge node"),
    ):
        with demo("--bag", bag, "--set", setting, "--out", tmp_path / "page.html") as process:
            _, err = finish(process)
        assert process.returncode == code
        assert words in err


def test_the_bundled_success_and_failure_are_told_apart_by_the_embedded_judge(tmp_path: Path) -> None:
    with demo("--out", tmp_path / "page.html", "--json", judge="embedded") as process:
        out, err = finish(process)
        assert process.returncode == 0, err
    success, failure = Summary.model_validate_json(out).episodes
    assert (success.truth, success.verdict) == ("success", "SUCCEEDED")
    assert (failure.truth, failure.verdict) == ("OBJECT_DROPPED", "FAILED")
    assert failure.onset_s is not None and failure.recognised_s is not None
    assert failure.recognised_s > failure.onset_s
    assert sum(count for episode in (success, failure) for count in episode.frames_lost.values()) == 0


def play(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if "playing" in line:
            return
    raise AssertionError("the demonstration ended before it played")


def test_ctrl_c_ends_the_demo_and_its_node_and_leaves_no_report(tmp_path: Path) -> None:
    bag = EpisodeBag(name="long", duration_s=60.0).write(tmp_path)
    with demo("--bag", bag, "--out", tmp_path / "page.html", mark=tmp_path) as process:
        play(process)
        assert len(running_nodes(tmp_path)) >= 3, "the demonstration, its node and the judge"
        process.send_signal(signal.SIGINT)
        _, err = finish(process)
        assert process.returncode == 130, err
    assert err.strip() == "vlm-judge: interrupted"
    assert running_nodes(tmp_path) == []
    assert not (tmp_path / "page.html").exists()


def test_a_killed_demo_takes_its_node_with_it(tmp_path: Path) -> None:
    bag = EpisodeBag(name="long", duration_s=60.0).write(tmp_path)
    with demo("--bag", bag, "--out", tmp_path / "page.html", mark=tmp_path) as process:
        play(process)
        process.kill()
    await_no_nodes(tmp_path)


def test_a_node_that_does_not_start_is_quoted_in_one_sentence(tmp_path: Path) -> None:
    bag = EpisodeBag(duration_s=1.0).write(tmp_path)
    with demo("--bag", bag, "--judge", "no_such_module:create", "--out", tmp_path / "page.html") as process:
        _, err = finish(process)
        assert process.returncode == 1
    assert err.startswith("vlm-judge: The judge node could not be configured: The judge 'no_such_module:create' cannot")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--bag", "/no/such/bag"], "There is no bag at /no/such/bag; check the path."),
        (["--episode", "no-such-episode"], "There is no bundled episode 'no-such-episode'"),
        (["--camera", "front"], "--camera 'front' is not of the form NAME=TOPIC"),
    ],
)
def test_words_that_name_nothing_are_a_sentence_before_anything_starts(words: list[str], sentence: str) -> None:
    with demo(*words) as process:
        _, err = finish(process)
        assert process.returncode == 1
    assert err.startswith(f"vlm-judge: {sentence}")
    assert err.count("\n") == 1
