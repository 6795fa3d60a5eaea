"""From the paths that a person names to the recorded episodes there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode, usable_key

FoundEpisode: TypeAlias = BagEpisode
"""Every kind of episode that is found."""


@dataclass(frozen=True, slots=True)
class FindOptions:
    """What a person says of recordings that do not say it themselves.

    Attributes:
        task: the instruction; empty takes the one that was recorded.
        cameras: name of a camera to its topic; empty finds the topics with images.
    """

    task: str = ""
    cameras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A path, or part of one, that holds no episode that can be judged.

    Attributes:
        origin: the path, as the person named it.
        reason: one sentence.
    """

    origin: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found; the keys of the episodes differ from each other."""

    episodes: tuple[RecordedEpisode, ...]
    unreadable: tuple[Unreadable, ...] = ()


def find_episodes(paths: Sequence[Path], options: FindOptions | None = None) -> Found:
    """Look for episodes; the same paths always give the same episodes with the same keys in the same order.

    Args:
        paths: bags.
        options: what is said of them.
    """
    episodes: list[RecordedEpisode] = []
    unreadable: list[Unreadable] = []
    taken: set[str] = set()
    for path in paths:
        try:
            for episode in _episodes_at(path, options or FindOptions()):
                key = usable_key(episode.description.name, taken)
                taken.add(key)
                episodes.append(replace(episode, description=replace(episode.description, key=key)))
        except JudgeError as error:
            unreadable.append(Unreadable(str(path), str(error)))
    return Found(tuple(episodes), tuple(unreadable))


def _episodes_at(path: Path, options: FindOptions) -> Iterator[FoundEpisode]:
    yield BagEpisode.find(path, options.task, options.cameras or None)
