"""The records of an MCAP file (https://mcap.dev/spec), as bytes in and tuples out."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from vlm_judge_ros.replay.storage.stored import Damaged, StoredMessage

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
STATISTICS, DATA_END = 0x0B, 0x0F
FOOTER_BYTES = 9 + 20

_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK_HEAD_BYTES = 8 + 8 + 8 + 4 + 4
_LONGEST_COMPRESSION = 64
RECORD_BYTES = _RECORD.size
MESSAGE_BYTES = _MESSAGE.size


@dataclass(frozen=True, slots=True)
class Schema:
    """Name, encoding and text of the definition of a message type."""

    name: str
    encoding: str
    text: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A recorded topic, and what its recorder noted of it; schema 0 means that it has no type."""

    number: int
    schema: int
    topic: str
    encoding: str
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the file that holds messages: a chunk, or neighbouring messages outside of chunks.

    Attributes:
        start_ns: time of its earliest message.
        end_ns: time of its latest message.
        offset: where it begins in the file.
        stored: bytes of its content in the file.
        size: bytes of its content when decompressed.
        chunk: whether it is a chunk.
        channels: those of its messages; None where nobody knows.
        indexes: where the times of its messages stand in the file, by channel; empty where nobody wrote them down.
    """

    start_ns: int
    end_ns: int
    offset: int
    stored: int
    size: int
    chunk: bool
    channels: frozenset[int] | None
    indexes: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """What stands before the content of a chunk: its times, and size, checksum (0: none) and form of the content."""

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    stored: int


class Fields:
    """Reads the fields of one record one after the other; raises `Damaged` at its end."""

    def __init__(self, record: bytes) -> None:
        self._record = record
        self._place = 0

    def number(self, size: int) -> int:
        """An unsigned integer of so many bytes."""
        return int.from_bytes(self.raw(size), "little")

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        end = self._place + size
        if end > len(self._record):
            raise Damaged("a record is shorter than what it holds")
        part = self._record[self._place : end]
        self._place = end
        return part

    def text(self) -> str:
        """A string; what is not UTF-8 is replaced."""
        return self.raw(self.number(4)).decode(errors="replace")

    def texts(self) -> dict[str, str]:
        """What is left, as a map from strings to strings."""
        found: dict[str, str] = {}
        while self._place < len(self._record):
            key = self.text()
            found[key] = self.text()
        return found

    def numbers_by_channel(self) -> dict[int, int]:
        """A map from 16-bit to 64-bit integers."""
        pairs = self.raw(self.number(4))
        if len(pairs) % 10:
            raise Damaged("a map of channels has a broken length")
        return dict(struct.iter_unpack("<HQ", pairs))


def record_head(head: bytes) -> tuple[int, int]:
    """Kind of a record, and bytes of what follows its head."""
    if len(head) < RECORD_BYTES:
        raise Damaged("it ends within a record")
    kind, size = _RECORD.unpack(head)
    return int(kind), int(size)


def schema_of(record: bytes) -> tuple[int, Schema]:
    """Number and content of a schema record."""
    fields = Fields(record)
    return fields.number(2), Schema(fields.text(), fields.text(), fields.text())


def channel_of(record: bytes) -> Channel:
    """Content of a channel record."""
    fields = Fields(record)
    number, schema, topic, encoding = fields.number(2), fields.number(2), fields.text(), fields.text()
    return Channel(number, schema, topic, encoding, Fields(fields.raw(fields.number(4))).texts())


def read_chunk_head(file: BinaryIO, offset: int) -> ChunkHead:
    """Read what stands before the content of the chunk that begins at an offset; the content comes next in the file."""
    file.seek(offset)
    kind, size = record_head(file.read(RECORD_BYTES))
    if kind != CHUNK:
        raise Damaged("a chunk is not where it should be")
    fields = Fields(file.read(_CHUNK_HEAD_BYTES))
    times_and_size = (fields.number(8), fields.number(8), fields.number(8), fields.number(4))
    name_bytes = fields.number(4)
    if name_bytes > _LONGEST_COMPRESSION:
        raise Damaged("the head of a chunk is broken")
    rest = Fields(file.read(name_bytes + 8))
    compression = rest.raw(name_bytes).decode(errors="replace")
    stored = rest.number(8)
    if _CHUNK_HEAD_BYTES + name_bytes + 8 + stored > size:
        raise Damaged("a chunk claims more content than it has room for")
    return ChunkHead(*times_and_size, compression, stored)


def message_head(head: bytes) -> tuple[int, int]:
    """Channel and time of a message."""
    if len(head) < MESSAGE_BYTES:
        raise Damaged("a message is shorter than its head")
    channel, _, time_ns, _ = _MESSAGE.unpack_from(head)
    return int(channel), int(time_ns)


def messages_in(content: bytes, channels: Collection[int]) -> Iterator[StoredMessage]:
    """The messages of these channels among the records of a block."""
    place, end = 0, len(content)
    while place < end:
        if place + RECORD_BYTES > end:
            raise Damaged("a block ends within a record")
        kind, size = _RECORD.unpack_from(content, place)
        place += RECORD_BYTES
        if size > end - place:
            raise Damaged(f"a record claims {size} bytes, and its block has {end - place}")
        if kind == MESSAGE:
            if size < MESSAGE_BYTES:
                raise Damaged("a message is shorter than its head")
            channel, _, time_ns, _ = _MESSAGE.unpack_from(content, place)
            if channel in channels:
                yield StoredMessage(time_ns, channel, content[place + MESSAGE_BYTES : place + size])
        place += size


def records_in(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of the records of a block or of the summary."""
    place, end = 0, len(content)
    while place < end:
        kind, size = record_head(content[place : place + RECORD_BYTES])
        place += RECORD_BYTES
        if size > end - place:
            raise Damaged(f"a record claims {size} bytes where {end - place} are left")
        yield kind, content[place : place + size]
        place += size
