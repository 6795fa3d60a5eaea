from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from replay.scoring.halting_judge import HALT
from replay.scoring.scoring_process import JUDGE, ScoringProcess

from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.outputs import kinds
from vlm_judge_ros.replay.scoring.scorer import FullDisk, Scorer, ScoringSettings
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bags")
    written = {name: EpisodeBag(name=name, truth=False).write(folder) for name in ("one", "three", "four")}
    written["halt"] = EpisodeBag(name="halt", truth=False, task=HALT).write(folder)
    broken = EpisodeBag(name="broken", truth=False).write(folder)
    (mcap,) = broken.glob("*.mcap")
    mcap.write_bytes(mcap.read_bytes()[: mcap.stat().st_size // 2])
    return {**written, "broken": broken}


def score(out: Path, *words: str | Path) -> int:
    return cli.main(["score", *map(str, words), "--out", str(out), *JUDGE])


def verdicts(out: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in out.glob("*/verdicts.jsonl")}


def test_a_run_that_is_killed_and_resumed_leaves_what_an_undisturbed_one_leaves(
    bags: dict[str, Path], tmp_path: Path
) -> None:
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    wanted = [bags["one"], bags["three"], bags["four"]]
    process = ScoringProcess(disturbed, wanted)
    process.await_episode("one")
    process.send(signal.SIGKILL)
    assert process.await_end()[0] == -signal.SIGKILL
    finished = {path.name: (path / "episode.json").stat().st_mtime_ns for path in disturbed.glob("[a-z]*/")}
    assert "one" in finished
    assert score(disturbed, *wanted, "--resume") == 0
    assert score(undisturbed, *wanted) == 0
    assert verdicts(disturbed) == verdicts(undisturbed)
    assert set(verdicts(disturbed)) == {"one", "three", "four"}
    for name, changed_ns in finished.items():
        assert (disturbed / name / "episode.json").stat().st_mtime_ns == changed_ns
    left = {path.name for path in disturbed.iterdir()}
    assert left == {path.name for path in undisturbed.iterdir()}
    assert not any(name.startswith(".unfinished") for name in left)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_at_once_and_keeps_what_is_finished(
    number: signal.Signals, status: int, bags: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = ScoringProcess(out, [bags["one"], bags["halt"]])
    process.await_episode(".unfinished-halt")
    process.send(number)
    code, text = process.await_end()
    assert code == status
    assert "interrupted; 1 finished" in text
    assert "--resume" in text
    assert "Traceback" not in text
    assert set(verdicts(out)) == {"one"}
    assert list(out.glob(".unfinished*")) == []


def test_a_process_that_crashes_costs_its_episode_alone(bags: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = ScoringProcess(out, [bags["one"], bags["halt"], bags["three"]])
    process.await_episode(".unfinished-halt")
    os.kill(process.worker(), signal.SIGKILL)
    code, text = process.await_end()
    assert code == 1
    assert "failed: halt: Its process was ended by SIGKILL" in text
    assert set(verdicts(out)) == {"one", "three"}


def test_a_broken_bag_between_good_ones_is_named_and_the_others_are_scored(
    bags: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert score(out, bags["one"], bags["broken"], bags["three"], "--jobs", "2") == 1
    error = capsys.readouterr().err
    assert str(bags["broken"]) in error
    assert "Traceback" not in error
    assert set(verdicts(out)) == {"one", "three"}
    (failed,) = map(json.loads, (out / "failed.jsonl").read_text().splitlines())
    assert failed["origin"] == str(bags["broken"])
    assert failed["reason"].endswith(".")


def test_other_settings_are_not_mixed_into_results(
    bags: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert score(out, bags["one"]) == 0
    capsys.readouterr()
    assert score(out, bags["one"], bags["three"], "--resume", "--set", "stall_s=3.0") == 1
    assert "parameters.stall_s was null and is 3.0" in capsys.readouterr().err
    assert set(verdicts(out)) == {"one"}


def test_a_folder_of_another_recording_is_not_taken_for_this_one(
    bags: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert score(out, bags["one"]) == 0
    another = EpisodeBag(name="one", truth=False, duration_s=4.0).write(tmp_path)
    assert score(out, another, "--resume") == 1
    assert "holds another episode" in capsys.readouterr().err


def test_two_runs_do_not_write_to_the_same_folder(
    bags: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    process = ScoringProcess(out, [bags["halt"]])
    process.await_episode(".unfinished-halt")
    assert score(out, bags["one"], "--resume") == 1
    assert "Another run writes" in capsys.readouterr().err
    process.send(signal.SIGTERM)
    process.await_end()


class FullDiskOutput:
    """Writes to a device that is always full."""

    @staticmethod
    def open(episode: object, folder: Path) -> object:
        (folder / "verdicts.jsonl").symlink_to("/dev/full")
        return kinds.output_kind(kinds.kinds_named(["verdicts"])[0]).open(episode, folder)  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    bags: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = kinds.Kind("full", f"{__name__}:FullDiskOutput", "nothing")
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, full))
    parameters = GivenParameters({"judge": JUDGE[1]})
    scorer = Scorer(ScoringSettings(tmp_path, ("full",), parameters))
    try:
        with pytest.raises(FullDisk, match="No space left on device"):
            scorer.score(BagEpisode.find(bags["one"]))
    finally:
        scorer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_judge_that_cannot_be_used_is_tried_once(bags: dict[str, Path], tmp_path: Path) -> None:
    scorer = Scorer(ScoringSettings(tmp_path, (), GivenParameters({"judge": "no_such_module:create"})))
    errors = []
    for _ in range(2):
        with pytest.raises(JudgeError, match="no_such_module") as error:
            scorer.score(BagEpisode.find(bags["one"]))
        errors.append(error.value)
    assert errors[0] is errors[1]
