"""A bag, or a stretch of one, that holds one episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.events import Event, events
from vlm_judge_ros.replay.header_time import HeaderTime
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.sources.clocks import Clock, header_span, refuse_mixed_clocks
from vlm_judge_ros.replay.sources.parts import Part
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, Stretch, usable_key
from vlm_judge_ros.replay.sources.topic_choice import choose_topics
from vlm_judge_ros.replay.sources.topics_file import RobotTopics
from vlm_judge_ros.replay.topics import EpisodeTopics, find_signals
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.tasks.signals import signal_topics
from vlm_judge_ros.tasks.task import Task


@dataclass(frozen=True, slots=True)
class BagEpisode:
    """A whole bag, or a stretch of it, as one episode; see `RecordedEpisode`.

    Attributes:
        description: what is known of it.
        path: the bag.
        topics: which of its topics carry what.
        part: where in the bag it lies, by the time of the recorder; None where it is the whole bag.
        clock: by whose time it is judged.
    """

    description: EpisodeDescription
    path: Path
    topics: EpisodeTopics
    part: Part | None = None
    clock: Clock = Clock.RECORDED

    @staticmethod
    def find(path: Path, task: str = "", cameras: Mapping[str, str] | None = None) -> BagEpisode:
        """Look into a bag that is one episode.

        Args:
            path: the bag.
            task: the instruction; empty takes the one that was recorded.
            cameras: name of a camera to its topic; None finds the topics with images.

        Raises:
            JudgeError: the bag is damaged, holds no images, or no task is known.
        """
        with Bag(path) as bag:
            return BagEpisode.read(bag, choose_topics(bag, RobotTopics.model_construct(cameras=cameras or {})), task)

    @staticmethod
    def read(
        bag: Bag,
        topics: EpisodeTopics,
        task: str = "",
        name: str = "",
        part: Part | None = None,
        clock: Clock = Clock.RECORDED,
    ) -> BagEpisode:
        """Read what is known of an episode.

        Args:
            bag: open for reading.
            topics: which of its topics carry what.
            task: the instruction; empty takes the one that was recorded.
            name: of the episode, where it was not recorded; empty takes that of the bag.
            part: where in the bag it lies; None takes the whole bag.
            clock: by whose time it is judged.

        Raises:
            JudgeError: the bag is damaged, holds no images there, mixes clocks, or no task is known.
        """
        start_ns, stop_ns = (part.start_ns, part.stop_ns) if part is not None else (None, None)
        if clock is Clock.RECORDED:
            refuse_mixed_clocks(bag, topics, start_ns, stop_ns)
        task = (part.task if part is not None else "") or task
        found = Recording.read(bag, task, None, topics, start_ns, stop_ns)
        started_ns, ended_ns = found.started_ns, found.started_ns + round(found.duration_s * 1e9)
        true_progress = found.true_progress
        if clock is Clock.HEADER:
            recorded_ns = started_ns, ended_ns
            started_ns, ended_ns = header_span(bag, topics, start_ns, stop_ns)
            true_progress = _spread(true_progress, recorded_ns, (started_ns, ended_ns))
        given = (part.name if part is not None else "") or (found.truth.name if found.truth is not None else name)
        description = EpisodeDescription(
            key=usable_key(given or found.name),
            name=given or found.name,
            task=found.task,
            origin=_origin(bag, part),
            cameras=tuple(camera.camera for camera in topics.cameras),
            started_ns=started_ns,
            ended_ns=ended_ns,
            truth=found.truth,
            true_progress=true_progress,
        )
        return BagEpisode(description, bag.path, topics, part, clock)

    @property
    def stretch(self) -> Stretch | None:
        """Where in the bag it lies; None where that is told by another clock than the episode."""
        if self.clock is Clock.HEADER:
            return None
        if self.part is None:
            return Stretch(self.path)
        return Stretch(self.path, self.part.start_ns, self.part.stop_ns)

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        """Read the bag; see `RecordedEpisode.events`."""
        start_ns, stop_ns = (self.part.start_ns, self.part.stop_ns) if self.part is not None else (None, None)
        with Bag(self.path) as bag:
            wanted = signal_topics(declared) if declared is not None else ()
            signals = find_signals(bag.topics, self.topics, wanted)
            by_header = HeaderTime(self.description.started_ns) if self.clock is Clock.HEADER else None
            yield from events(bag, self.topics, signals, start_ns, stop_ns, by_header)


def _spread(curve: Curve, recorded_ns: tuple[int, int], stamped_ns: tuple[int, int]) -> Curve:
    """A curve over the seconds of the recorder, over those of the stamps, both taken to pass evenly."""
    recorded, stamped = (end_ns - begin_ns for begin_ns, end_ns in (recorded_ns, stamped_ns))
    pace = stamped / recorded if recorded > 0 else 1.0
    return Curve(tuple(time_s * pace for time_s in curve.times_s), curve.values)


def _origin(bag: Bag, part: Part | None) -> str:
    if part is None:
        return str(bag.path)
    start_s, stop_s = ((time_ns - bag.started_ns) * 1e-9 for time_ns in (part.start_ns, part.stop_ns))
    return f"{bag.path}, {start_s:.3f} s to {stop_s:.3f} s"
