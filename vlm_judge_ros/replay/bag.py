"""Recorded bags (rosbag2: MCAP or sqlite3), read message by message."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.storage.decompression import zstd_content
from vlm_judge_ros.replay.storage.definitions import Decoder, decoder
from vlm_judge_ros.replay.storage.folder import METADATA, OpenedBag, is_bag_file, open_bag
from vlm_judge_ros.replay.storage.stored import (
    LARGEST_MESSAGE_BYTES,
    Storage,
    StorageFault,
    StoredTopic,
    too_large,
)

Result = TypeVar("Result")


class BagError(JudgeError):
    """A bag that cannot be read, or that lacks what was asked for."""


class Undecodable(BagError):
    """The bytes of one message are none of its type. No middleware hands such a one to a node."""


@dataclass(frozen=True, slots=True)
class RecordedTopic:
    """A topic as it was recorded. A name may be there more than once, with different types or qualities of service.

    Attributes:
        id: tells the topics of one bag apart.
        topic: absolute name.
        type: for example "sensor_msgs/msg/Image".
        definition: text that defines the type and all that it is made of; empty where the bag has none.
        language: of the definition: "ros2msg" or "ros2idl"; empty where there is none.
        type_hash: for example "RIHS01_...", empty where the bag has none.
        qos: what its publishers offered; empty where the bag does not say.
    """

    id: int
    topic: str
    type: str
    definition: str = ""
    language: str = ""
    type_hash: str = ""
    qos: tuple[Qos, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """One message as it was recorded.

    Attributes:
        topic: absolute name.
        type: for example "sensor_msgs/msg/Image".
        time_ns: when the recorder received it, on the recorder's clock.
        cdr: the message itself, serialised.
        topic_id: which `RecordedTopic` it is of.
    """

    topic: str
    type: str
    time_ns: int
    cdr: bytes
    topic_id: int = 0


@dataclass(frozen=True, slots=True)
class MessageTime:
    """When a message of a topic was recorded."""

    topic: str
    time_ns: int


class Bag:
    """A rosbag2 recording, open for reading between `with Bag(path) as bag:` and the end of the block.

    Memory holds one stretch of it at a time, however long it is, and no message of more than
    `storage.stored.LARGEST_MESSAGE_BYTES`.

    Args:
        path: the folder with `metadata.yaml`, or one `.mcap` or `.db3` file.

    Raises:
        BagError: there is no bag at `path`, or it is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise BagError(f"There is no bag at {path}; check the path.")
        if path.is_dir() and not (path / METADATA).exists():
            raise BagError(f"{path} has no metadata.yaml and is no bag; name the folder that `ros2 bag record` made.")
        if path.suffix == ".bag" and not path.is_dir():
            raise BagError(f"{path} is a ROS 1 bag; convert it with `rosbags-convert` first.")
        if not path.is_dir() and not is_bag_file(path):
            raise BagError(f"{path} is no bag; name a folder with metadata.yaml, or a file that ends in .mcap or .db3.")
        self._closing = ExitStack()
        self._opened = OpenedBag()
        self._topics: dict[_TopicKey, StoredTopic] = {}
        self._ids: dict[_TopicKey, int] = {}
        self._decoders: dict[str, Decoder] = {}

    def __enter__(self) -> Bag:
        try:
            self._opened = self._attempt(lambda: open_bag(self.path, self._closing))
        except BaseException:
            self._closing.close()
            raise
        for topic in (topic for storage in self._opened.files for topic in storage.topics):
            known = self._topics.setdefault(_key(topic), topic)
            if topic.definition and not known.definition:
                self._topics[_key(topic)] = topic
        self._ids = {key: number for number, key in enumerate(self._topics, start=1)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def topics(self) -> Mapping[str, str]:
        """Type of each topic, by its absolute name; the one that was recorded first, where there are several."""
        types: dict[str, str] = {}
        for topic in self._topics.values():
            types.setdefault(topic.name, topic.type)
        return types

    @property
    def recorded_topics(self) -> tuple[RecordedTopic, ...]:
        """All topics, as they were recorded."""
        return tuple(self._recorded_topic(self._ids[key], topic) for key, topic in self._topics.items())

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of messages of each topic, by its absolute name."""
        counts: dict[str, int] = {}
        for storage in self._opened.files:
            for topic in storage.topics:
                counts[topic.name] = counts.get(topic.name, 0) + topic.count
        return counts

    @property
    def started_ns(self) -> int:
        """Time of the first message.

        Raises:
            BagError: the bag is empty.
        """
        return self.span_ns[0]

    @property
    def span_ns(self) -> tuple[int, int]:
        """Time of the first and of the last message.

        Raises:
            BagError: the bag is empty.
        """
        spans = [storage.span_ns for storage in self._opened.files]
        known = [span for span in spans if span is not None]
        if not known:
            raise BagError(f"The bag {self.path} holds no messages; record it again.")
        return min(first for first, _ in known), max(last for _, last in known)

    def messages(
        self, topics: Collection[str] | None = None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Read messages in the order of `time_ns`; what lies outside of what is asked for is skipped by the index.

        Args:
            topics: their absolute names; None takes all.
            start_ns: no earlier ones.
            stop_ns: only earlier ones.

        Raises:
            BagError: the bag is truncated or damaged.
        """
        return self._merged(lambda file, chosen: self._read(file, chosen, start_ns, stop_ns), topics)

    def times(
        self, topics: Collection[str] | None = None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[MessageTime]:
        """When which messages were recorded, in order of time; the messages themselves are not read if possible.

        Args:
            topics: as for `messages`.
            start_ns: as for `messages`.
            stop_ns: as for `messages`.

        Raises:
            BagError: the bag is truncated or damaged.
        """

        def read(file: Storage, chosen: Mapping[int, StoredTopic]) -> Iterator[MessageTime]:
            for time_ns, number in self._careful(file.times(chosen.keys(), start_ns, stop_ns)):
                yield MessageTime(chosen[number].name, time_ns)

        return self._merged(read, topics)

    def decode(self, message: RecordedMessage) -> Any:
        """The message as an object with the fields that its type has.

        Raises:
            Undecodable: its bytes are not of its type.
            BagError: its type is not known.
        """
        decode = self._decoders.get(message.type)
        if decode is None:
            decode = self._decoders[message.type] = self._attempt(lambda: decoder(self._definition(message)))
        try:
            return decode(message.cdr)
        except MemoryError:
            raise
        except Exception as error:  # the decoder raises whatever broken bytes lead it to
            raise Undecodable(
                f"The bag {self.path} has a message on {message.topic} ({message.type}) that cannot be decoded "
                f"({_in_words(error)}); it is damaged, or of another ROS 2 distribution than its definition: leave the "
                "topic out, or record it again."
            ) from error

    def decoded(
        self, topics: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[RecordedMessage, Any]]:
        """Messages as `messages` gives them, and decoded; those that cannot be are left out.

        Raises:
            BagError: none of them can be decoded, their type is not known, or the bag is damaged.
        """
        fault: Undecodable | None = None
        empty = True
        for message in self.messages(topics, start_ns, stop_ns):
            try:
                content = self.decode(message)
            except Undecodable as error:
                fault = fault or error
                continue
            empty = False
            yield message, content
        if fault is not None and empty:
            raise fault

    def fields(
        self, topic: str, name: str, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[int, Any]]:
        """When each message of a topic was recorded that can be decoded, and a field of it.

        Raises:
            BagError: as `decoded`, or the bag defines the type without this field.
        """
        for message, content in self.decoded({topic}, start_ns, stop_ns):
            try:
                yield message.time_ns, getattr(content, name)
            except AttributeError as error:
                raise BagError(
                    f"The bag {self.path} defines {message.type} without the field {name} that it has in ROS 2; leave "
                    f"the topic {topic} out."
                ) from error

    def _definition(self, message: RecordedMessage) -> StoredTopic:
        known = [topic for topic in self._topics.values() if topic.type == message.type]
        if not known:
            return StoredTopic(0, message.topic, message.type, "cdr", "", "", 0)
        return max(known, key=lambda topic: bool(topic.definition))

    def _recorded_topic(self, number: int, topic: StoredTopic) -> RecordedTopic:
        language = topic.language if topic.definition else ""
        type_hash = topic.type_hash or self._opened.type_hashes.get((topic.name, topic.type), "")
        try:
            qos = tuple(parse_qos(topic.qos))
        except Exception:  # the parser raises whatever a text leads it to; nothing is decided by it
            qos = ()
        return RecordedTopic(number, topic.name, topic.type, topic.definition, language, type_hash, qos)

    def _read(
        self, file: Storage, chosen: Mapping[int, StoredTopic], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[RecordedMessage]:
        for time_ns, number, data in self._careful(file.messages(chosen.keys(), start_ns, stop_ns)):
            topic = chosen[number]
            topic_id = self._ids[_key(topic)]
            yield RecordedMessage(topic.name, topic.type, time_ns, self._content(data), topic_id)

    def _content(self, data: bytes) -> bytes:
        if not self._opened.zstd_messages:
            return data
        content = self._attempt(lambda: zstd_content(data, LARGEST_MESSAGE_BYTES))
        if len(content) > LARGEST_MESSAGE_BYTES:
            raise self._error(too_large(len(content)))
        return content

    def _merged(
        self,
        read: Callable[[Storage, Mapping[int, StoredTopic]], Iterator[Result]],
        topics: Collection[str] | None,
    ) -> Iterator[Result]:
        streams: list[tuple[int, int, Iterator[Result]]] = []
        for file in self._opened.files:
            chosen = {topic.number: topic for topic in file.topics if topics is None or topic.name in topics}
            if chosen and file.span_ns is not None:
                streams.append((*file.span_ns, read(file, chosen)))
        # Split files follow one another; only where they overlap do they have to be read together.
        if all(before[1] <= after[0] for before, after in pairwise(streams)):
            for *_, stream in streams:
                yield from stream
        else:
            yield from heapq.merge(*(stream for *_, stream in streams), key=attrgetter("time_ns"))

    def _careful(self, stream: Iterator[Result]) -> Iterator[Result]:
        with self._broken():
            yield from stream

    def _attempt(self, action: Callable[[], Result]) -> Result:
        with self._broken():
            return action()

    @contextmanager
    def _broken(self) -> Iterator[None]:
        try:
            yield
        except StorageFault as fault:
            raise self._error(fault) from fault
        except OSError as error:
            raise BagError(
                f"The bag {self.path} cannot be read ({error.strerror or error}); check the file."
            ) from error

    def _error(self, fault: StorageFault) -> BagError:
        return BagError(f"The bag {self.path} {fault.what}; {fault.remedy}.")


_TopicKey: TypeAlias = tuple[str, str, str, str]


def _key(topic: StoredTopic) -> _TopicKey:
    """What tells topics apart that have the same number in several files."""
    return topic.name, topic.type, topic.encoding, topic.qos


def _in_words(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text.splitlines()[0] if text else type(error).__name__
