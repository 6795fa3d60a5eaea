"""What an MCAP file holds and where: from its summary, or from a look at every record where it has none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from vlm_judge_ros.replay.storage.decompression import decompressed
from vlm_judge_ros.replay.storage.mcap_records import (
    CHANNEL,
    CHUNK,
    CHUNK_INDEX,
    DATA_END,
    FOOTER_BYTES,
    MAGIC,
    MESSAGE,
    MESSAGE_BYTES,
    RECORD_BYTES,
    SCHEMA,
    STATISTICS,
    Block,
    Channel,
    ChunkHead,
    Fields,
    Schema,
    channel_of,
    message_head,
    read_chunk_head,
    record_head,
    records_in,
    schema_of,
)
from vlm_judge_ros.replay.storage.stored import (
    LARGEST_MESSAGE_BYTES,
    Damaged,
    StorageFault,
    StoredTopic,
    full_type_name,
    too_large,
)

_FOOTER_HEAD = b"\x02\x14\0\0\0\0\0\0\0"
_RUN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file holds.

    Attributes:
        topics: with the number of their messages.
        blocks: where the messages are.
    """

    topics: tuple[StoredTopic, ...]
    blocks: tuple[Block, ...]


def read_summary(file: BinaryIO) -> Summary | None:
    """Read the summary of a file; None where it has none that tells all.

    Raises:
        StorageFault: the file is not MCAP, is not whole, or its summary is broken.
    """
    end = _checked_end(file)
    file.seek(end)
    fields = Fields(file.read(FOOTER_BYTES)[RECORD_BYTES:])
    start = fields.number(8)
    if start == 0:
        return None
    if not len(MAGIC) <= start <= end or end - start > LARGEST_MESSAGE_BYTES:
        raise Damaged("its summary is not where it should be")
    file.seek(start)
    found = _Found()
    counts: Mapping[int, int] | None = None
    chunk_count, indexed = -1, 0
    for kind, record in records_in(file.read(end - start)):
        found.take(kind, record)
        if kind == CHUNK_INDEX:
            indexed += 1
            block = _indexed(record, end)
            # Chunks that hold only definitions have no times that mean anything.
            if block.indexes or 0 < block.start_ns <= block.end_ns:
                found.blocks.append(block)
        elif kind == STATISTICS:
            fields = Fields(record)
            fields.raw(8 + 2 + 4 + 4 + 4)
            chunk_count = fields.number(4)
            fields.raw(16)
            counts = fields.numbers_by_channel()
    if counts is None or chunk_count != indexed or (chunk_count == 0 and any(counts.values())):
        return None
    if not counts.keys() <= found.channels.keys():
        return None
    found.counts.update(counts)
    return found.summary()


def scan(file: BinaryIO) -> Summary:
    """Look at every record of a file that has no usable summary.

    Raises:
        StorageFault: the file is not MCAP, or is not whole.
    """
    end = _checked_end(file)
    found, place = _Found(), len(MAGIC)
    while place < end:
        file.seek(place)
        kind, size = record_head(file.read(RECORD_BYTES))
        begin, place = place, place + RECORD_BYTES + size
        if place > end:
            raise Damaged(f"a record claims {size} bytes where {end - begin - RECORD_BYTES} are left")
        if kind == MESSAGE:
            if size < MESSAGE_BYTES:
                raise Damaged("a message is shorter than its head")
            found.add_message(*message_head(file.read(MESSAGE_BYTES)), begin, place)
            continue
        found.end_run()
        if kind == CHUNK:
            head = read_chunk_head(file, begin)
            data = file.read(_bounded(head.stored))
            found.add_chunk(head, begin, decompressed(data, head.compression, head.size, head.crc))
        elif kind in (SCHEMA, CHANNEL):
            found.take(kind, file.read(_bounded(size)))
        elif kind == DATA_END:
            break
    found.end_run()
    return found.summary()


class _Found:
    """Collects what a file holds."""

    def __init__(self) -> None:
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, Channel] = {}
        self.counts: Counter[int] = Counter()
        self.blocks: list[Block] = []
        self._run: Block | None = None

    def take(self, kind: int, record: bytes) -> None:
        if kind == SCHEMA:
            number, schema = schema_of(record)
            self.schemas.setdefault(number, schema)
        elif kind == CHANNEL:
            channel = channel_of(record)
            self.channels.setdefault(channel.number, channel)

    def add_chunk(self, head: ChunkHead, offset: int, content: bytes) -> None:
        here: Counter[int] = Counter()
        start_ns, end_ns = head.start_ns, head.end_ns
        for kind, record in records_in(content):
            self.take(kind, record)
            if kind == MESSAGE:
                channel, time_ns = message_head(record)
                here[channel] += 1
                start_ns, end_ns = min(start_ns, time_ns), max(end_ns, time_ns)
        self.counts += here
        if here:
            self.blocks.append(
                Block(start_ns, end_ns, offset, head.stored, head.size, True, frozenset(here.keys()), {})
            )

    def add_message(self, channel: int, time_ns: int, begin: int, end: int) -> None:
        self.counts[channel] += 1
        run = self._run
        if run is None or end - run.offset > _RUN_BYTES:
            self.end_run()
            self._run = Block(time_ns, time_ns, begin, end - begin, end - begin, False, frozenset({channel}), {})
            return
        size = end - run.offset
        self._run = replace(
            run,
            start_ns=min(run.start_ns, time_ns),
            end_ns=max(run.end_ns, time_ns),
            stored=size,
            size=size,
            channels=(run.channels or frozenset()) | {channel},
        )

    def end_run(self) -> None:
        if self._run is not None:
            self.blocks.append(self._run)
            self._run = None

    def summary(self) -> Summary:
        if self.counts.keys() - self.channels.keys():
            raise Damaged("messages belong to a topic that is nowhere named")
        return Summary(tuple(self._topic(channel) for channel in self.channels.values()), tuple(self.blocks))

    def _topic(self, channel: Channel) -> StoredTopic:
        schema = self.schemas.get(channel.schema, Schema("", "", ""))
        return StoredTopic(
            number=channel.number,
            name=channel.topic,
            type=full_type_name(schema.name),
            encoding=channel.encoding,
            definition=schema.text,
            language="ros2idl" if schema.encoding == "omgidl" else schema.encoding,
            count=self.counts[channel.number],
            type_hash=channel.notes.get("topic_type_hash", ""),
            qos=channel.notes.get("offered_qos_profiles", ""),
        )


def _checked_end(file: BinaryIO) -> int:
    """Where the footer begins."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise Damaged("it is empty")
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC[:size]:
        raise StorageFault("is no MCAP file, whatever its name says", "check the path")
    end = size - FOOTER_BYTES - len(MAGIC)
    if end >= len(MAGIC):
        file.seek(end)
        if file.read(RECORD_BYTES) == _FOOTER_HEAD and file.read()[-len(MAGIC) :] == MAGIC:
            return end
    raise Damaged("its end is missing, because it was cut off or is still being recorded")


def _indexed(record: bytes, end: int) -> Block:
    fields = Fields(record)
    start_ns, end_ns, offset, length = (fields.number(8) for _ in range(4))
    indexes = fields.numbers_by_channel()
    fields.number(8)
    fields.text()
    stored, size = fields.number(8), fields.number(8)
    if offset + length > end or stored > length or any(place > end for place in indexes.values()):
        raise Damaged("its index points beyond its end")
    return Block(start_ns, end_ns, offset, stored, size, True, frozenset(indexes) or None, indexes)


def _bounded(size: int) -> int:
    if size > LARGEST_MESSAGE_BYTES:
        raise too_large(size)
    return size
