"""What the Rerun viewer would show, read back with Rerun's own reader."""

from __future__ import annotations

import resource
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from replay.episode_bag import EpisodeBag
from replay.outputs.judged_by_hand import judge_by_hand

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode

pytest.importorskip("rerun")

from vlm_judge_ros.replay.outputs.rerun_recording import FILE, TIMELINE, RerunRecording


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of each entity."""
    try:
        from rerun.chunk import RrdReader
    except ImportError:
        try:
            from rerun.experimental import RrdReader
        except ImportError:
            pytest.skip("this version of Rerun reads recordings in another way")
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for chunk in RrdReader(path).stream().to_chunks():
        batch = chunk.to_record_batch()
        columns = {
            name: (batch[name].cast("int64") if name == TIMELINE else batch[name]).to_pylist()
            for name in batch.schema.names
            if name == TIMELINE or ":" in name
        }
        found[str(chunk.entity_path)] += [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
    for rows in found.values():
        rows.sort(key=lambda row: row.get(TIMELINE) or 0)
    return found


def seconds(row: dict[str, Any]) -> float:
    return row[TIMELINE] * 1e-9


@pytest.mark.parametrize("raw", [False, True])
def test_images_numbers_and_texts_lie_at_their_seconds(tmp_path: Path, raw: bool) -> None:
    episode = BagEpisode.find(EpisodeBag(duration_s=2.0, raw=raw).write(tmp_path))
    judge_by_hand(episode, RerunRecording.open(episode, tmp_path))
    found = read(tmp_path / FILE)
    for camera in ("front", "wrist"):
        rows = found[f"/cameras/{camera}"]
        assert [round(seconds(row), 6) for row in rows] == [index / 10 for index in range(21)]
        image = rows[0]["EncodedImage:blob"][0]
        assert bytes(image)[:3] == b"\xff\xd8\xff"
        assert rows[0]["EncodedImage:media_type"] == ["image/jpeg"]
    assert [(round(seconds(row), 6), row["Scalars:scalars"]) for row in found["/progress/judge"]] == [
        (0.0, [0.375]),
        (1.0, [0.375]),
        (2.0, [0.375]),
    ]
    assert found["/probability/success"][0]["Scalars:scalars"] == [0.125]
    assert len(found["/progress/true"]) == 21
    assert found["/log/verdict"][0]["TextLog:text"] == ["FAILED: It pressed with 55 N."]
    assert found["/log/verdict"][0]["TextLog:level"] == ["ERROR"]
    assert found["/log/failure"][0]["TextLog:text"] == ["COLLISION CONFIRMED: It pressed with 55 N."]
    assert found["/task"][0]["TextDocument:text"] == ["move the square to the right"]


def test_a_disk_that_takes_no_more_is_a_sentence(tmp_path: Path) -> None:
    episode = BagEpisode.find(EpisodeBag(duration_s=6.0).write(tmp_path))
    output = RerunRecording(episode.description, tmp_path, patience_s=3.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(JudgeError, match=r"episode\.rrd cannot be written, or the disk is too slow; make room"):
            judge_by_hand(episode, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        output.abandon()
