"""From paths to the episodes in the bags there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.sources.bag_options import BagOptions
from vlm_judge_ros.replay.sources.bag_paths import Unlistable, bags_beneath, is_bag
from vlm_judge_ros.replay.sources.recorded_episode import Unreadable
from vlm_judge_ros.replay.sources.split import parts_of
from vlm_judge_ros.replay.sources.split_table import SplitTable
from vlm_judge_ros.replay.sources.topic_choice import choose_topics, has_cameras_of
from vlm_judge_ros.replay.sources.topics_file import RobotTopics
from vlm_judge_ros.replay.topics import EpisodeTopics


class BagFinder:
    """Looks for episodes in bags, at one path after the other.

    Args:
        options: what a person says of them.
    """

    def __init__(self, options: BagOptions) -> None:
        self._options = options
        self._looked_into: list[Path] = []

    def episodes_at(self, path: Path) -> Iterator[BagEpisode | Unreadable]:
        """The episodes of a bag, or of all bags in a folder; what cannot be read there is told and passed over.

        Raises:
            JudgeError: the path is no bag, and no folder with bags, or is a bag that cannot be read.
        """
        if not path.is_dir() or is_bag(path):
            yield from self._episodes_in(path, _without_endings(path.name))
            return
        empty = True
        for found in bags_beneath(path):
            empty = False
            if isinstance(found, Unlistable):
                yield Unreadable(str(found.path), found.reason)
                continue
            relative = found.relative_to(path)
            name = "_".join((*relative.parts[:-1], _without_endings(found.name))) if relative.parts else path.name
            try:
                yield from self._episodes_in(found, name)
            except JudgeError as error:
                yield Unreadable(str(found), str(error))
        if empty:
            raise BagError(f"There is no bag in the folder {path}; name a folder that `ros2 bag record` made.")

    def left_over(self) -> Iterator[Unreadable]:
        """The lines of a table of episodes that belong to none of the bags that were looked into."""
        split = self._options.split
        if isinstance(split, SplitTable):
            for row in split.rows:
                if not any(row.is_of(path) for path in self._looked_into):
                    reason = f"The bag {row.bag!r} is not among those that were named; name it, or take the line out."
                    yield Unreadable(f"{split.path}, line {row.line}", reason)

    def _episodes_in(self, path: Path, name: str) -> Iterator[BagEpisode | Unreadable]:
        self._looked_into.append(path)
        with Bag(path) as bag:
            for robot, told in self._robots_in(bag):
                topics = choose_topics(bag, told)
                yield from self._episodes_of(bag, topics, f"{name}_{robot}" if robot else name)

    def _robots_in(self, bag: Bag) -> list[tuple[str, RobotTopics]]:
        robots = list(self._options.robots.items())
        if len(robots) == 1:
            return robots
        there = [(name, told) for name, told in robots if has_cameras_of(bag, told)]
        return there or robots[:1]  # the error of the first says what the bag has

    def _episodes_of(self, bag: Bag, topics: EpisodeTopics, name: str) -> Iterator[BagEpisode | Unreadable]:
        options = self._options
        if options.split is None:
            if not options.task:
                _refuse_several_tasks(bag, topics)
            yield BagEpisode.read(bag, topics, options.task, name, None, options.clock)
            return
        parts = parts_of(bag, topics, options.split)
        if not parts:
            raise BagError(f"{bag.path} holds no episode with images where --split says; split it in another way.")
        for number, part in enumerate(parts, start=1):
            try:
                yield BagEpisode.read(bag, topics, options.task, f"{name}_{number:03d}", part, options.clock)
            except JudgeError as error:
                yield Unreadable(f"{bag.path}, episode {part.name or number}", str(error))


def _refuse_several_tasks(bag: Bag, topics: EpisodeTopics) -> None:
    if topics.task is None or bag.counts[topics.task] < 2:
        return
    told = {str(data).strip(): None for _, data in bag.fields(topics.task, "data")}
    told.pop("", None)
    if len(told) > 1:
        some = ", ".join(repr(task[:60]) for task in list(told)[:3])
        raise BagError(
            f"{bag.path} tells {len(told)} tasks on {topics.task} ({some}); write --split task for an episode of "
            "each, or --task TEXT for one."
        )


def _without_endings(name: str) -> str:
    for ending in (".zstd", ".mcap", ".db3"):
        name = name.removesuffix(ending)
    return name
