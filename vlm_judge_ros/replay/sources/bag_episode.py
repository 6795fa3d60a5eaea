"""A bag that holds one episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.events import Event, events
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, Stretch, usable_key
from vlm_judge_ros.replay.topics import EpisodeTopics, find_signals
from vlm_judge_ros.tasks.signals import signal_topics
from vlm_judge_ros.tasks.task import Task


@dataclass(frozen=True, slots=True)
class BagEpisode:
    """A whole bag as one episode; see `RecordedEpisode`.

    Attributes:
        description: what is known of it.
        path: the bag.
        topics: which of its topics carry what.
    """

    description: EpisodeDescription
    path: Path
    topics: EpisodeTopics

    @staticmethod
    def find(path: Path, task: str = "", cameras: Mapping[str, str] | None = None) -> BagEpisode:
        """Look into a bag.

        Args:
            path: the bag.
            task: the instruction; empty takes the one that was recorded.
            cameras: name of a camera to its topic; None finds the topics with images.

        Raises:
            JudgeError: the bag is damaged, holds no images, or no task is known.
        """
        with Bag(path) as bag:
            found = Recording.read(bag, task, cameras)
        description = EpisodeDescription(
            key=usable_key(found.name),
            name=found.name,
            task=found.task,
            origin=str(path),
            cameras=tuple(camera.camera for camera in found.topics.cameras),
            started_ns=found.started_ns,
            ended_ns=found.started_ns + round(found.duration_s * 1e9),
            truth=found.truth,
            true_progress=found.true_progress,
        )
        return BagEpisode(description, path, found.topics)

    @property
    def stretch(self) -> Stretch:
        """The whole bag."""
        return Stretch(self.path)

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        """Read the bag; see `RecordedEpisode.events`."""
        with Bag(self.path) as bag:
            wanted = signal_topics(declared) if declared is not None else ()
            yield from events(bag, self.topics, find_signals(bag.topics, self.topics, wanted))
