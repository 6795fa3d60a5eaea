"""LeRobot itself reads the datasets that the tests make, and the tables that are written beside them.

Runs only where `lerobot` is installed; it is in no extra, because it brings torchvision and much else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")
pytest.importorskip("lerobot")

import numpy as np
from replay.made_dataset import HIGH, WRIST, MadeDataset

from vlm_judge_ros import cli
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.replay.sources.lerobot_dataset import dataset_episodes
from vlm_judge_ros.replay.sources.lerobot_episode import LeRobotEpisode

SQUARE = ["--judge", "node.square_judge:create"]


def opened(root: Path) -> Any:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset("made/cubes", root=root, video_backend="pyav")


def with_stats(made: MadeDataset) -> Path:
    root = made.write()
    (root / "meta/stats.json").write_text("{}")
    return root


def test_lerobot_shows_the_same_frames_tasks_and_numbers(tmp_path: Path) -> None:
    made = MadeDataset(tmp_path / "cubes", lengths=(12, 9))
    theirs = opened(with_stats(made))
    index = 0
    for episode in dataset_episodes(made.root):
        assert isinstance(episode, LeRobotEpisode) and episode.description.place is not None
        assert index == episode.description.place.first_index
        frames = [event.content for event in episode.events() if isinstance(event.content, Frame)]
        for front, wrist in zip(frames[::2], frames[1::2], strict=True):
            row = theirs[index]
            assert row["task"] == episode.description.task
            assert row["episode_index"].item() == episode.description.place.episode_index
            told_s = (front.stamp_ns - episode.description.started_ns) * 1e-9
            assert row["timestamp"].item() == pytest.approx(told_s, abs=1e-6)
            for key, frame in ((HIGH, front), (WRIST, wrist)):
                pixels = row[key].numpy().transpose(1, 2, 0) * 255.0
                np.testing.assert_allclose(pixels, frame.image.rgb(), atol=3.0)
            index += 1
    assert index == len(theirs)


def test_lerobot_weighs_samples_by_our_progress(tmp_path: Path) -> None:
    import torch

    reader: Any = pytest.importorskip("lerobot.utils.rabc")
    made = MadeDataset(tmp_path / "cubes", lengths=(12, 9))
    root = with_stats(made)
    assert cli.main(["score", str(root), "--with", "parquet", "--out", str(tmp_path / "out"), *SQUARE]) == 0
    weights = reader.RABCWeights(tmp_path / "out" / "progress.parquet", chunk_size=3, device=torch.device("cpu"))
    assert weights.episode_boundaries == {0: {"start": 0, "end": 12}, 1: {"start": 12, "end": 21}}
    assert weights.get_stats()["num_frames"] > 0
    batch, _ = weights.compute_batch_weights({"index": torch.arange(21)})
    assert batch.shape == (21,) and bool(torch.isfinite(batch).all())
