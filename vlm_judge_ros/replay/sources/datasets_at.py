"""Datasets and videos at a path that a person names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.camera_names import FRONT
from vlm_judge_ros.replay.sources.lerobot_dataset import DatasetOptions, dataset_episodes, is_dataset
from vlm_judge_ros.replay.sources.lerobot_episode import LeRobotEpisode
from vlm_judge_ros.replay.sources.recorded_episode import Unreadable
from vlm_judge_ros.replay.sources.video_episode import VIDEO_SUFFIXES, VideoEpisode, videos_together

_BAGS = ("metadata.yaml", "*.mcap", "*.db3", "*.bag", "*/metadata.yaml", "*/*.mcap", "*/*.db3", "*/*.bag")


def holds_datasets_or_videos(path: Path) -> bool:
    """Whether a path is a LeRobot dataset, a folder of those, a video, or a folder of videos without bags."""
    if path.is_file():
        return path.suffix.lower() in VIDEO_SUFFIXES
    if not path.is_dir():
        return False
    if is_dataset(path) or (path / "meta").is_dir() or _datasets_in(path):
        return True
    if any(next(path.glob(pattern), None) is not None for pattern in _BAGS):
        return False
    return any(found.suffix.lower() in VIDEO_SUFFIXES for found in path.rglob("*"))


def episodes_at(path: Path, options: DatasetOptions) -> Iterator[LeRobotEpisode | VideoEpisode | Unreadable]:
    """The episodes of a path of which `holds_datasets_or_videos` is true.

    Raises:
        JudgeError: nothing there can be judged, or no more of it.
    """
    if path.is_file():
        yield VideoEpisode.find({FRONT: path}, options.task)
    elif is_dataset(path) or (path / "meta").is_dir():
        yield from dataset_episodes(path, options)
    elif roots := _datasets_in(path):
        for root in roots:
            try:
                yield from dataset_episodes(root, options)
            except JudgeError as error:
                yield Unreadable(str(root), str(error))
    else:
        for number, (name, videos) in enumerate(videos_together(path, options.cameras)):
            if number not in options.episodes:
                continue
            try:
                yield VideoEpisode.find(videos, options.task, name, number)
            except JudgeError as error:
                yield Unreadable(f"{path}, {name}", str(error))


def _datasets_in(path: Path) -> list[Path]:
    return sorted(found for found in path.iterdir() if found.is_dir() and is_dataset(found))
