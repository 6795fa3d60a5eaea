"""Recorded bags (rosbag2: MCAP or sqlite3), read message by message."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat, Qos
from rosbags.typesys import Stores, get_typestore

from vlm_judge_ros.errors import JudgeError

Result = TypeVar("Result")


class BagError(JudgeError):
    """A bag that cannot be read, or that lacks what was asked for."""


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


class Bag:
    """A rosbag2 recording, open for reading between `with Bag(path) as bag:` and the end of the block.

    Args:
        path: the folder with `metadata.yaml`, or one `.mcap` or `.db3` file.

    Raises:
        BagError: there is no bag at `path`, or it is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise BagError(f"There is no bag at {path}; check the path.")
        if path.is_dir() and not (path / "metadata.yaml").exists():
            raise BagError(f"{path} has no metadata.yaml and is no bag; name the folder that `ros2 bag record` made.")
        if path.suffix == ".bag":
            raise BagError(f"{path} is a ROS 1 bag; convert it with `rosbags-convert` first.")
        # Bags recorded before MCAP hold no definitions; the common types have been the same for years.
        fallback = get_typestore(Stores.ROS2_HUMBLE)
        self._reader: AnyReader = self._attempt(lambda: AnyReader([path], default_typestore=fallback))

    def __enter__(self) -> Bag:
        self._attempt(self._reader.open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reader.close()

    @property
    def topics(self) -> Mapping[str, str]:
        """Type of each topic, by its absolute name."""
        return {connection.topic: connection.msgtype for connection in self._reader.connections}

    @property
    def recorded_topics(self) -> tuple[RecordedTopic, ...]:
        """All topics, as they were recorded."""
        return tuple(map(_recorded_topic, self._reader.connections))

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of messages of each topic, by its absolute name."""
        counts: dict[str, int] = {}
        for connection in self._reader.connections:
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
        return counts

    @property
    def started_ns(self) -> int:
        """Time of the first message.

        Raises:
            BagError: the bag is empty.
        """
        if self._reader.message_count == 0:
            raise BagError(f"The bag {self.path} holds no messages; record it again.")
        return int(self._reader.start_time)

    def messages(self, topics: Collection[str] | None = None) -> Iterator[RecordedMessage]:
        """The messages of the named topics in the order of `time_ns`; of all topics where None.

        Raises:
            BagError: the bag is truncated or damaged.
        """
        connections = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if not connections:
            return
        stream = self._reader.messages(connections=connections)
        while True:
            item = self._attempt(lambda: next(stream, None))
            if item is None:
                return
            connection, time_ns, cdr = item
            yield RecordedMessage(connection.topic, connection.msgtype, time_ns, bytes(cdr), connection.id)

    def decode(self, message: RecordedMessage) -> Any:
        """The message as an object with the fields that its type has.

        Raises:
            BagError: its type is not known, or its bytes are not of that type.
        """
        if message.type not in self._reader.typestore.types:
            raise BagError(
                f"Topic {message.topic} of {self.path} has type {message.type}, which the bag does not define; "
                "record it as MCAP, which stores definitions."
            )
        with self._broken(f"a message of {message.topic} ({message.type}) cannot be decoded"):
            return self._reader.deserialize(message.cdr, message.type)

    def _attempt(self, action: Callable[[], Result]) -> Result:
        with self._broken("it cannot be read"):
            return action()

    @contextmanager
    def _broken(self, what: str) -> Iterator[None]:
        try:
            yield
        except (JudgeError, MemoryError):
            raise
        except Exception as error:  # the reader raises whatever a damaged file leads it to
            raise BagError(
                f"The bag {self.path} is truncated or damaged: {what} ({_in_words(error)}); "
                "repair an MCAP file with `mcap recover`, or record it again."
            ) from error


_LANGUAGES = {MessageDefinitionFormat.MSG: "ros2msg", MessageDefinitionFormat.IDL: "ros2idl"}


def _recorded_topic(connection: Connection) -> RecordedTopic:
    told = connection.ext
    return RecordedTopic(
        id=connection.id,
        topic=connection.topic,
        type=connection.msgtype,
        definition=connection.msgdef.data,
        language=_LANGUAGES.get(connection.msgdef.format, ""),
        type_hash=connection.digest,
        qos=tuple(told.offered_qos_profiles) if isinstance(told, ConnectionExtRosbag2) else (),
    )


def _in_words(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text.splitlines()[0] if text else type(error).__name__
