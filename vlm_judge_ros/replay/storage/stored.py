"""What every kind of file with recorded messages offers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

LARGEST_MESSAGE_BYTES = 256 * 1024 * 1024
"""Larger messages, and larger compressed blocks of messages, are refused before memory is taken for them."""

_TWO_PARTS = re.compile(r"(\w+)/(\w+)")
RECORD_AGAIN = "record it again"


class StorageFault(Exception):
    """A file that cannot be read.

    Args:
        what: is wrong, as it follows "the bag NAME", for example "is empty".
        remedy: what to do.
    """

    def __init__(self, what: str, remedy: str = RECORD_AGAIN) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Damaged(StorageFault):
    """A file that is not whole, or that contradicts itself."""

    def __init__(self, why: str, remedy: str = "repair an MCAP file with `mcap recover`, or record it again") -> None:
        super().__init__(f"is truncated or damaged: {why}", remedy)


def full_type_name(name: str) -> str:
    """The name of a type with its middle part, which the first recorders left out: "std_msgs/msg/String"."""
    return _TWO_PARTS.sub(r"\1/msg/\2", name) if _TWO_PARTS.fullmatch(name) else name


def too_large(size: int) -> StorageFault:
    """A message, or a chunk of messages, is larger than what is read."""
    return StorageFault(
        f"holds a message or chunk of {size} bytes, and {LARGEST_MESSAGE_BYTES} are the most that are read",
        "leave its topic out, or record it in smaller pieces",
    )


@dataclass(frozen=True, slots=True)
class StoredTopic:
    """A topic as a file lists it; the same name may be listed several times.

    Attributes:
        number: of the topic within the file.
        name: absolute name.
        type: for example "sensor_msgs/msg/Image".
        encoding: of its messages; ROS 2 writes "cdr".
        definition: text of the type's definition; empty where the file has none.
        language: of the definition: "ros2msg" or "ros2idl".
        count: number of messages.
        type_hash: for example "RIHS01_..."; empty where the file has none.
        qos: what its publishers offered, as YAML; empty where the file does not say.
    """

    number: int
    name: str
    type: str
    encoding: str
    definition: str
    language: str
    count: int
    type_hash: str = ""
    qos: str = ""


class StoredMessage(NamedTuple):
    """A message as it lies in the file: when it was recorded, the number of its topic, its bytes."""

    time_ns: int
    topic: int
    data: bytes


class Storage(Protocol):
    """A file with recorded messages, open for reading. All of its methods raise `StorageFault` for a broken file."""

    @property
    def topics(self) -> tuple[StoredTopic, ...]:
        """What was recorded."""

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Time of the first and of the last message; None where there is none."""

    def messages(
        self, topics: Collection[int], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[StoredMessage]:
        """The messages of the numbered topics from `start_ns` to before `stop_ns`, in order of time."""

    def times(
        self, topics: Collection[int], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """Time and topic of each of these messages, in order of time; if possible without reading them."""

    def close(self) -> None:
        """Close the file."""
