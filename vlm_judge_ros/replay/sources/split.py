"""How a person says where the episodes in a bag begin and end: `--split`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.sources.camera_choice import listed
from vlm_judge_ros.replay.sources.parts import (
    Part,
    parts_by_chunks,
    parts_by_gaps,
    parts_by_markers,
    parts_by_tasks,
    without_empty,
)
from vlm_judge_ros.replay.sources.split_table import SplitTable, read_split_table
from vlm_judge_ros.replay.topics import STRING, EpisodeTopics

_GAP = re.compile(r"gap=(?P<seconds>\d+(\.\d+)?)\s*s?")
_MARKERS = re.compile(r"markers=(?P<topic>/?\w+(/\w+)*)")


@dataclass(frozen=True, slots=True)
class ByGaps:
    """No image for more than so many seconds lies between two episodes."""

    gap_s: float


@dataclass(frozen=True, slots=True)
class ByMarkers:
    """Texts on a topic say `start`, `start NAME` or `stop`."""

    topic: str


@dataclass(frozen=True, slots=True)
class ByTasks:
    """An episode begins with each new instruction."""


@dataclass(frozen=True, slots=True)
class ByChunks:
    """An episode begins where the numbers of the action chunks begin anew."""


Split: TypeAlias = ByGaps | ByMarkers | ByTasks | ByChunks | SplitTable


def parse_split(text: str) -> Split:
    """Read what a person wrote.

    Raises:
        JudgeError: it is none of the ways, or the table cannot be read.
    """
    if text == "task":
        return ByTasks()
    if text == "chunks":
        return ByChunks()
    if found := _GAP.fullmatch(text):
        if float(found["seconds"]) <= 0.0:
            raise JudgeError(
                "--split gap=0 would end an episode after each image; give the longest gap, such as gap=5s."
            )
        return ByGaps(float(found["seconds"]))
    if found := _MARKERS.fullmatch(text):
        return ByMarkers(f"/{found['topic'].lstrip('/')}")
    if text.lower().endswith(".csv"):
        return read_split_table(Path(text))
    raise JudgeError(f"--split {text} is not understood; write task, chunks, gap=5s, markers=/topic, or a CSV file.")


def parts_of(bag: Bag, topics: EpisodeTopics, split: Split) -> list[Part]:
    """The episodes in a bag, in order of time; those without an image are left out.

    Raises:
        JudgeError: the bag lacks what it is to be split by, or is damaged.
    """
    images = {camera.topic for camera in topics.cameras}
    stop_ns = bag.span_ns[1] + 1
    if isinstance(split, ByGaps):
        return parts_by_gaps((image.time_ns for image in bag.times(images)), round(split.gap_s * 1e9))
    if isinstance(split, SplitTable):
        parts = split.parts_of(bag.path, bag.span_ns[0], stop_ns)
    elif isinstance(split, ByTasks):
        parts = parts_by_tasks(_texts(bag, topics.task, "task"), stop_ns)
    elif isinstance(split, ByMarkers):
        found = split.topic if bag.topics.get(split.topic) == STRING else None
        parts = parts_by_markers(_texts(bag, found, split.topic), stop_ns)
    else:
        if topics.chunk is None:
            raise _lacks(bag, "action chunks")
        numbers = ((time_ns, int(number)) for time_ns, number in bag.fields(topics.chunk, "id"))
        parts = parts_by_chunks(numbers, stop_ns)
    return without_empty(parts, (image.time_ns for image in bag.times(images)))


def _texts(bag: Bag, topic: str | None, what: str) -> list[tuple[int, str]]:
    if topic is None:
        raise _lacks(bag, f"topic {what} of type {STRING}")
    return [(time_ns, str(data)) for time_ns, data in bag.fields(topic, "data")]


def _lacks(bag: Bag, what: str) -> BagError:
    return BagError(
        f"{bag.path} has no {what} to be split by; it has {listed(bag.topics, bag.counts)}; split it in another way."
    )
