"""What every source of recorded episodes offers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from vlm_judge_ros.replay.column_score import ColumnScore
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.replay.truth import EpisodeTruth
from vlm_judge_ros.tasks.task import Task

_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9._-]+")
_LIKE_A_RESULT = re.compile(r"\.(?=(html|csv|json|jsonl|parquet|txt)$)", re.IGNORECASE)
LONGEST_KEY = 120


@dataclass(frozen=True, slots=True)
class DatasetPlace:
    """Where the rows of an episode lie in a dataset, so that what is written of it can be laid beside them.

    Attributes:
        dataset: name of the dataset.
        episode_index: number of the episode in it.
        first_index: number of its first row in the whole dataset; the first camera has one frame for each row.
    """

    dataset: str
    episode_index: int
    first_index: int


@dataclass(frozen=True, slots=True)
class EpisodeDescription:
    """What is known of a recorded episode before anybody judges it. No judge is ever shown name, key or origin.

    Attributes:
        key: name of its folder among the results: letters, digits, `.`, `_`, `-`, neither dot nor dash first; unique
            within one run.
        name: its name for people.
        task: the instruction.
        origin: where it was recorded to, as a person would name it; with the part of it where it is a part.
        cameras: their names, in order.
        started_ns: when it starts; time 0 of everything that is told of it in seconds.
        ended_ns: when it ends.
        truth: how it really went; None where nobody knows.
        true_progress: how far it really was, in seconds from its start; empty where nobody knows.
        place: where it lies in a dataset; None where it is of none.
        scores: what columns of a dataset say of it, each like a person who is called so; empty where none do.
    """

    key: str
    name: str
    task: str
    origin: str
    cameras: tuple[str, ...]
    started_ns: int
    ended_ns: int
    truth: EpisodeTruth | None = None
    true_progress: Curve = field(default_factory=Curve)
    place: DatasetPlace | None = None
    scores: tuple[ColumnScore, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return (self.ended_ns - self.started_ns) * 1e-9


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A path, or part of one, that holds no episode that can be judged.

    Attributes:
        origin: the path, as the person named it.
        reason: one sentence.
    """

    origin: str
    reason: str


class RecordedEpisode(Protocol):
    """One recorded episode. It holds no open files and can be pickled, so that other processes can judge it."""

    @property
    def description(self) -> EpisodeDescription:
        """What is known of it."""

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        """Read it from the start to the end in order of time, in memory that does not grow with its length.

        Args:
            declared: what the file of its task declares; the signals that it names are read too.

        Raises:
            JudgeError: it is damaged; what came before has been told.
        """


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a bag.

    Attributes:
        path: the bag.
        start_ns: messages that the recorder received earlier do not belong to it; None for no such time.
        stop_ns: only earlier messages belong to it; None for no such time.
    """

    path: Path
    start_ns: int | None = None
    stop_ns: int | None = None


@runtime_checkable
class FromBag(Protocol):
    """An episode that lies in a bag, all of whose messages may be copied."""

    @property
    def stretch(self) -> Stretch | None:
        """Where it lies; None where its messages cannot be laid beside its verdicts, which have another clock."""


def usable_key(name: str, taken: Sequence[str] | set[str] = ()) -> str:
    """A key like a name that is none of those which are taken."""
    # Beside the folders of episodes lie files such as report.html.
    key = _LIKE_A_RESULT.sub("_", _NOT_IN_KEYS.sub("_", name)[:LONGEST_KEY].lstrip(".-")) or "episode"
    number, unique = 1, key
    while unique in taken:
        number += 1
        unique = f"{key}-{number}"
    return unique
