"""`vlm-judge calibrate` on judged episodes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlm_judge_ros.cli import main
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, load_calibration
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.failure_band import Signal
from vlm_judge_ros.parameters.contradictions import contradiction
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS, parameters_for
from vlm_judge_ros.replay.bundled import bundled_episode
from vlm_judge_ros.replay.instrument import Instrument
from vlm_judge_ros.replay.outputs.episode_file import EPISODE, EpisodeRecord
from vlm_judge_ros.replay.trace import Answer, Curve, EpisodeTrace
from vlm_judge_ros.replay.truth import EpisodeTruth

HASH, PROMPTS = "0123456789abcdef", "fedcba9876543210"


def judged(number: int, success: bool, raw: bool = False) -> EpisodeTrace:
    """An episode of a judge that says a little less than there is; a failing one stops half way."""
    random = np.random.default_rng(1000 * success + number)
    count = int(random.integers(12, 20))
    times_s = np.arange(1.0, count + 1.0)
    progress = np.clip(times_s / (count - 2), 0.0, 1.0)
    if not success:
        progress = np.minimum(progress, 0.5)
    failing = np.where((times_s > count / 2) & (not success), 0.6, 0.05) + random.uniform(-0.05, 0.05, count)
    said = np.clip(0.7 * progress + random.normal(0.0, 0.02, count), 0.0, 1.0)
    mode = "NONE" if success else "STALL"
    return EpisodeTrace(
        name=f"episode-{success}-{number}",
        task="lift the cube",
        started_ns=10**18,
        duration_s=float(count),
        cameras=("front",),
        answers=tuple(
            Answer(
                float(time_s),
                float(own),
                success_probability=math.nan if raw else float(own**2),
                failure_probability=math.nan if raw else float(bad),
                raw_score=float(6.0 * own - 8.0) if raw else math.nan,
            )
            for time_s, own, bad in zip(times_s, said, failing, strict=True)
        ),
        rulings=(),
        truth=EpisodeTruth(
            name="x",
            task_instruction="",
            outcome="success" if success else "failure",
            failure_mode=mode,
            onset_s=None if success else count / 2,
        ),
        true_progress=Curve(tuple(times_s.tolist()), tuple(progress.tolist())),
        instrument=Instrument(
            model="made-up",
            model_hash=HASH,
            provider="cpu",
            method="token_reward" if raw else "direct",
            prompt_set="ten-v1" if raw else "",
            prompt_hash=PROMPTS if raw else "",
            calibration="",
            judge_card="",
            task="",
            software_version="0.0.1",
        ),
    )


def write(folder: Path, successes: int, failures: int = 0, raw: bool = False, known: bool = True) -> Path:
    traces = [judged(n, True, raw) for n in range(successes)] + [judged(n, False, raw) for n in range(failures)]
    for trace in traces:
        place = folder / trace.name
        place.mkdir(parents=True)
        told = trace if known else replace(trace, truth=None, true_progress=Curve())
        record = EpisodeRecord(key=trace.name, origin="made up", trace=told, pictures=())
        (place / EPISODE).write_text(record.model_dump_json())
    return folder


def made(tmp_path: Path, *words: str) -> Calibration:
    out = tmp_path / "mine.json"
    assert main(["calibrate", *words, "--out", str(out)]) == 0
    return load_calibration(str(out))


def test_five_successes_are_enough_and_it_says_what_they_cannot_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = made(tmp_path, str(write(tmp_path / "scored", 5)))
    said = capsys.readouterr().out
    assert "at most 1 false stop in 6 successful episodes" in said
    assert "So few cannot promise the rate of 0.02 that was asked for: that takes 49 successes" in said
    assert f"calibration:={tmp_path / 'mine.json'}" in said
    assert (calibration.name, calibration.model_hash, calibration.prompt_hash) == ("mine", HASH, "")
    band = calibration.failure
    assert band is not None
    assert band.promised_rate == pytest.approx(1 / 6)
    assert band.held_out is not None
    assert band.held_out.episodes == 5


def test_what_was_asked_for_is_promised_where_there_are_enough_and_failures_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = made(tmp_path, str(write(tmp_path / "scored", 30, 8)), "--false-stop-rate", "0.1")
    said = capsys.readouterr().out
    assert "cannot promise" not in said
    band = calibration.failure
    assert band is not None
    assert band.promised_rate <= 0.1
    assert band.signals == (Signal.FAILURE,)
    assert band.failures is not None
    assert (band.failures.stopped, band.failures.episodes) == (8, 8)
    assert "It stops 8 of 8" in said
    assert calibration.progress is not None
    assert calibration.progress.value_of(0.35) == pytest.approx(0.5, abs=0.1)
    assert calibration.success is not None
    assert calibration.success.value_of(0.49) > 0.5 > calibration.success.value_of(0.2)


def test_raw_scores_go_before_what_a_judge_makes_of_them(tmp_path: Path) -> None:
    calibration = made(tmp_path, str(write(tmp_path / "scored", 12, 4, raw=True)), "--method", "isotonic")
    assert (calibration.prompt_hash, calibration.reads_raw_scores) == (PROMPTS, True)
    assert calibration.progress_of(-8.0) < 0.1
    assert calibration.progress_of(-3.8) > 0.9
    assert calibration.success_probability_of(-3.8) > 0.5
    assert calibration.failure is not None
    assert calibration.failure.signals == (Signal.PROGRESS,)


def test_two_signals_have_to_leave_the_band_together(tmp_path: Path) -> None:
    folder = str(write(tmp_path / "scored", 12, 3))
    calibration = made(tmp_path, folder, "--signals", "failure,progress", "--failure-count", "1", "--failure-hold", "0")
    assert calibration.failure is not None
    assert calibration.failure.signals == (Signal.FAILURE, Signal.PROGRESS)
    assert (calibration.failure.failure_count, calibration.failure.failure_hold_s) == (1, 0.0)


def test_people_say_how_episodes_ended_where_the_recording_does_not(tmp_path: Path) -> None:
    folder = write(tmp_path / "scored", 6, 2, known=False)
    rows = [f"episode-True-{n},1.0,yes" for n in range(6)] + [f"episode-False-{n},0.5,no" for n in range(2)]
    labels = tmp_path / "people.csv"
    labels.write_text("\n".join(["episode,score,success", *rows]))
    calibration = made(tmp_path, str(folder), "--labels", str(labels))
    assert calibration.fit is not None
    assert (calibration.fit.episodes, calibration.failure is not None) == (8, True)
    (folder / "labels.csv").write_text(labels.read_text())
    assert made(tmp_path, str(folder)) == calibration


def test_the_same_episodes_give_the_same_file_in_any_order(tmp_path: Path) -> None:
    folder = write(tmp_path / "scored", 7, 2)
    episodes = [str(path) for path in sorted(folder.iterdir())]
    assert made(tmp_path, *episodes) == made(tmp_path, *reversed(episodes)) == made(tmp_path, str(folder))


def spoilt(tmp_path: Path, change: str) -> list[str]:
    folder = write(tmp_path / "scored", 4 if change == "few" else 6)
    first = next(iter(sorted(folder.iterdir()))) / EPISODE
    content = json.loads(first.read_text())
    if change == "judge":
        content["trace"]["instrument"]["model_hash"] = "1111111111111111"
    if change == "calibrated":
        for path in folder.iterdir():
            text = (path / EPISODE).read_text().replace('"calibration":""', '"calibration":"mine-v2 0011"')
            (path / EPISODE).write_text(text)
        return [str(folder)]
    if change == "server":
        for path in folder.iterdir():
            (path / EPISODE).write_text((path / EPISODE).read_text().replace(HASH, ""))
        return [str(folder)]
    if change == "twice":
        return [str(folder), str(folder)]
    if change == "missing":
        return [str(tmp_path / "nowhere")]
    first.write_text(json.dumps(content))
    return [str(folder)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("few", "There are 4 successes among 4 episodes that are labelled, and a calibration takes 5"),
        ("judge", "were judged by different judges"),
        ("calibrated", "were judged with the calibration mine-v2 0011; score them again without one"),
        ("server", "The model of the judge has no hash"),
        ("twice", "The episode episode-True-0 is in"),
        ("missing", "There is nothing at"),
    ],
)
def test_what_does_not_do_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, words: str
) -> None:
    out = tmp_path / "mine.json"
    assert main(["calibrate", *spoilt(tmp_path, change), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_name_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(write(tmp_path / "scored", 5))
    assert main(["calibrate", folder, "--out", str(tmp_path / "my file.json")]) == 1
    assert "no name for a calibration" in capsys.readouterr().err


def test_a_debounce_that_would_break_the_promise_contradicts_the_calibration(tmp_path: Path) -> None:
    made(tmp_path, str(write(tmp_path / "scored", 5)))
    values = {name: parameter.default for name, parameter in parameters_for(DEFAULT_CAMERAS).items()}
    values["calibration"] = str(tmp_path / "mine.json")
    assert contradiction(values) is None
    short = {"judge_failure_hold_s": 0.1}
    reason = contradiction(values | short)
    assert reason is not None
    assert "promises its rate of false stops from 2 answers and 0.15 s on" in reason
    assert contradiction(values | short | {"calibration": "nowhere.json"}) is None


def test_recorded_episodes_are_scored_first_and_the_embedded_judge_takes_what_was_fitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, out = bundled_episode("pick-place_none_900006"), tmp_path / "mine.json"
    # One success is too few; that it was scored, and where to, is what is looked at here.
    assert main(["calibrate", str(bag), "--out", str(out)]) == 1
    assert "There are 1 successes" in capsys.readouterr().err
    scored = tmp_path / "mine.scored"
    (folder,) = [path.parent for path in scored.glob(f"*/{EPISODE}")]
    content = json.loads((folder / EPISODE).read_text())
    for number in range(5):
        place = tmp_path / "scored" / f"copy-{number}"
        place.mkdir(parents=True)
        content["key"], content["pictures"] = place.name, []
        (place / EPISODE).write_text(json.dumps(content))
    made(tmp_path, str(tmp_path / "scored"), "--signals", "failure,novelty")
    judge = resolve("embedded")(JudgeOptions(calibration=str(out)))
    assert judge.provenance.calibration == load_calibration(str(out)).label
    with pytest.raises(JudgeError, match="was fitted for the model"):
        other = load_calibration(str(out)).model_copy(update={"model_hash": "another"})
        (tmp_path / "other.json").write_text(other.model_dump_json())
        resolve("embedded")(JudgeOptions(calibration=str(tmp_path / "other.json")))
