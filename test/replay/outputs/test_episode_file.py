from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from replay.judged import trace

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.column_score import ColumnScore
from vlm_judge_ros.replay.outputs.episode_file import EPISODE, EpisodeFile, read_episode
from vlm_judge_ros.replay.outputs.pictures import LONGEST_SIDE
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.verdict.verdict import State

TRACE = trace((1.0, State.PROGRESSING), (9.0, State.FAILED), mode="OBJECT_DROPPED", onset_s=8.5)


def written(folder: Path, **changes: object) -> Path:
    episode = BagEpisode.find(EpisodeBag(**changes).write(folder))  # type: ignore[arg-type]
    result = folder / "result"
    result.mkdir()
    output = EpisodeFile.open(episode, result)
    for event in episode.events():
        output.see(event)
    output.finish(TRACE)
    return result


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    read = read_episode(written(tmp_path))
    assert (read.key, read.origin) == ("square-moved", str(tmp_path / "square-moved"))
    # NaN is no number that equals another one, so the texts are compared.
    assert repr(read.trace).split("shots=")[0] == repr(TRACE).split("shots=")[0]
    assert (read.trace.truth, read.trace.true_progress) == (TRACE.truth, TRACE.true_progress)
    assert (read.trace.frames_in, read.trace.alarms) == (TRACE.frames_in, TRACE.alarms)


def test_scores_of_columns_are_kept_and_older_files_have_none(tmp_path: Path) -> None:
    episode = BagEpisode.find(EpisodeBag().write(tmp_path))
    told = ColumnScore(column="stars", score=0.75)
    output = EpisodeFile.open(replace(episode, description=replace(episode.description, scores=(told,))), tmp_path)
    output.finish(TRACE)
    assert read_episode(tmp_path).scores == (told,)
    content = json.loads((tmp_path / EPISODE).read_text())
    del content["scores"]
    (tmp_path / EPISODE).write_text(json.dumps(content))
    assert read_episode(tmp_path).scores == ()


def test_what_is_not_known_is_null_and_never_nan(tmp_path: Path) -> None:
    text = (written(tmp_path) / EPISODE).read_text()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(text, parse_constant=refuse)
    assert content["schema_version"] == 3
    assert content["trace"]["answers"][2]["progress"] is None


def test_pictures_of_all_cameras_span_the_episode(tmp_path: Path) -> None:
    shots = read_episode(written(tmp_path, duration_s=10.0)).trace.shots
    for camera in ("front", "wrist"):
        times_s = [shot.time_s for shot in shots if shot.camera == camera]
        assert times_s[0] == pytest.approx(0.0)
        assert times_s[-1] == pytest.approx(10.0)
        assert 12 <= len(times_s) <= 24
        assert all(later - sooner < 1.0 for sooner, later in pairwise(times_s))
    assert [shot.time_s for shot in shots] == sorted(shot.time_s for shot in shots)
    assert all(shot.jpeg.startswith(b"\xff\xd8") for shot in shots)


def test_the_true_onset_is_among_the_pictures(tmp_path: Path) -> None:
    shots = read_episode(written(tmp_path, duration_s=10.0, failure_mode="OBJECT_DROPPED", onset_s=4.3)).trace.shots
    assert min(abs(shot.time_s - 4.3) for shot in shots) < 1e-6


def test_images_without_compression_become_jpeg(tmp_path: Path) -> None:
    shots = read_episode(written(tmp_path, raw=True)).trace.shots
    assert all(shot.jpeg.startswith(b"\xff\xd8") for shot in shots)
    assert LONGEST_SIDE >= 640


def test_a_trace_without_pictures_reads_none(tmp_path: Path) -> None:
    assert read_episode(written(tmp_path), pictures=False).trace.shots == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text[:-100], "is damaged"),
        (lambda text: text.replace('"schema_version": 3', '"schema_version": 7'), "schema_version 7"),
        (lambda text: text.replace('"duration_s"', '"duration"', 1), "is damaged"),
        (lambda text: "[]", "is damaged"),
        (lambda text: "\udcff", "is damaged"),
    ],
)
def test_a_damaged_record_is_named(change: object, reason: str, tmp_path: Path) -> None:
    folder = written(tmp_path)
    text = (folder / EPISODE).read_text()
    changed: str = change(text)  # type: ignore[operator]
    (folder / EPISODE).write_bytes(changed.encode("utf-8", "surrogateescape"))
    with pytest.raises(JudgeError, match=reason):
        read_episode(folder)


@pytest.mark.parametrize(
    ("version", "lacking"),
    [(1, ("raw_score", "input_tokens", "output_tokens", "money")), (2, ("input_tokens", "output_tokens", "money"))],
)
def test_a_record_from_before_something_was_kept_is_read_without_it(
    version: int, lacking: tuple[str, ...], tmp_path: Path
) -> None:
    folder = written(tmp_path)
    content = json.loads((folder / EPISODE).read_text())
    content["schema_version"] = version
    del content["trace"]["instrument"]
    for answer in content["trace"]["answers"]:
        for name in lacking:
            del answer[name]
    (folder / EPISODE).write_text(json.dumps(content))
    read = read_episode(folder).trace
    assert read.instrument is None
    assert all(math.isnan(getattr(answer, name)) for answer in read.answers for name in lacking)
    assert repr(read.answers) == repr(TRACE.answers)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=r"episode\.json cannot be read"):
        read_episode(tmp_path)


def test_a_picture_is_read_from_nowhere_else(tmp_path: Path) -> None:
    folder = written(tmp_path)
    content = json.loads((folder / EPISODE).read_text())
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    content["pictures"][0]["file"] = "../../secret.jpg"
    (folder / EPISODE).write_text(json.dumps(content))
    with pytest.raises(JudgeError, match=r"secret\.jpg cannot be read"):
        read_episode(folder)


def test_nan_is_read_as_nan(tmp_path: Path) -> None:
    read = read_episode(written(tmp_path))
    assert math.isnan(read.trace.answers[2].progress)
    assert math.isnan(read.trace.rulings[0].decided_by[0].value)
