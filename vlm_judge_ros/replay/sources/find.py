"""From the paths that a person names to the recorded episodes there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.sources.bag_finder import BagFinder
from vlm_judge_ros.replay.sources.bag_options import BagOptions
from vlm_judge_ros.replay.sources.datasets_at import episodes_at, holds_datasets_or_videos
from vlm_judge_ros.replay.sources.lerobot_dataset import DatasetOptions
from vlm_judge_ros.replay.sources.lerobot_episode import LeRobotEpisode
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode, Unreadable, usable_key
from vlm_judge_ros.replay.sources.topics_file import RobotTopics
from vlm_judge_ros.replay.sources.video_episode import VideoEpisode

FoundEpisode: TypeAlias = BagEpisode | LeRobotEpisode | VideoEpisode
"""Every kind of episode that is found."""


@dataclass(frozen=True, slots=True)
class FindOptions:
    """What a person says of recordings that do not say it themselves.

    Attributes:
        task: the instruction; empty takes the one that was recorded.
        cameras: name of a camera to its topic; empty finds the topics with images.
        bags: what is said of bags alone; None takes task and cameras from above.
        dataset: what is said of LeRobot datasets and videos.
        videos: name of a camera to its video, those of one episode; empty for none.
    """

    task: str = ""
    cameras: Mapping[str, str] = field(default_factory=dict)
    bags: BagOptions | None = None
    dataset: DatasetOptions = field(default_factory=DatasetOptions)
    videos: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found; the keys of the episodes differ from each other."""

    episodes: tuple[RecordedEpisode, ...]
    unreadable: tuple[Unreadable, ...] = ()


def find_episodes(paths: Sequence[Path], options: FindOptions | None = None) -> Found:
    """Look for episodes; the same paths always give the same episodes with the same keys in the same order.

    Args:
        paths: bags, LeRobot datasets, videos, folders of them.
        options: what is said of them.
    """
    episodes: list[RecordedEpisode] = []
    unreadable: list[Unreadable] = []
    taken: set[str] = set()
    options = options or FindOptions()
    bags = BagFinder(
        options.bags or BagOptions(options.task, {"": RobotTopics.model_construct(cameras=options.cameras)})
    )
    sources = [(str(path), _episodes_at(path, options, bags)) for path in paths]
    if options.videos:
        sources.append(("--video", _named_videos(options)))
    for origin, found in sources:
        try:
            for episode in found:
                if isinstance(episode, Unreadable):
                    unreadable.append(episode)
                    continue
                key = usable_key(episode.description.name, taken)
                taken.add(key)
                episodes.append(replace(episode, description=replace(episode.description, key=key)))
        except JudgeError as error:
            unreadable.append(Unreadable(origin, str(error)))
    return Found(tuple(episodes), (*unreadable, *bags.left_over()))


def _named_videos(options: FindOptions) -> Iterator[FoundEpisode | Unreadable]:
    yield VideoEpisode.find(options.videos, options.task)


def _episodes_at(path: Path, options: FindOptions, bags: BagFinder) -> Iterator[FoundEpisode | Unreadable]:
    if holds_datasets_or_videos(path):
        yield from episodes_at(path, options.dataset)
        return
    yield from bags.episodes_at(path)
