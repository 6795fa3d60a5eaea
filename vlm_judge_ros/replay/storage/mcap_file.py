"""MCAP files, by their index where they have one."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, TypeVar

from vlm_judge_ros.replay.storage.decompression import decompressed
from vlm_judge_ros.replay.storage.mcap_records import (
    MESSAGE_INDEX,
    RECORD_BYTES,
    Block,
    Fields,
    messages_in,
    read_chunk_head,
    record_head,
)
from vlm_judge_ros.replay.storage.mcap_summary import Summary, read_summary, scan
from vlm_judge_ros.replay.storage.stored import LARGEST_MESSAGE_BYTES, Damaged, StoredMessage, StoredTopic, too_large

Timed = TypeVar("Timed", StoredMessage, "tuple[int, int]")
_TIME = itemgetter(0)


class McapFile:
    """An MCAP file, open for reading; see `Storage`.

    Memory holds one chunk at a time, or those that overlap in time. Chunks outside of what is asked for are not read.

    Args:
        path: the file.

    Raises:
        StorageFault: it is no whole MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            self._summary: Summary = read_summary(self._file) or scan(self._file)
        except BaseException:
            self._file.close()
            raise
        self._blocks = sorted(self._summary.blocks, key=lambda block: (block.start_ns, block.offset))

    @property
    def topics(self) -> tuple[StoredTopic, ...]:
        """What was recorded."""
        return self._summary.topics

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Time of the first and of the last message."""
        if not self._blocks or not any(topic.count for topic in self.topics):
            return None
        return self._blocks[0].start_ns, max(block.end_ns for block in self._blocks)

    def messages(
        self, topics: Collection[int], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[StoredMessage]:
        """The messages of the numbered topics from `start_ns` to before `stop_ns`, in order of time."""
        wanted = frozenset(topics)
        return self._in_order(wanted, start_ns, stop_ns, lambda block: messages_in(self._content(block), wanted))

    def times(
        self, topics: Collection[int], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """Time and topic of each of these messages, by the index where there is one."""
        wanted = frozenset(topics)
        return self._in_order(wanted, start_ns, stop_ns, lambda block: self._block_times(block, wanted))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _in_order(
        self,
        wanted: frozenset[int],
        start_ns: int | None,
        stop_ns: int | None,
        read: Callable[[Block], Iterable[Timed]],
    ) -> Iterator[Timed]:
        begin, end = start_ns or 0, stop_ns if stop_ns is not None else 1 << 64
        held: list[Timed] = []
        for block in self._blocks:
            if block.start_ns >= end or block.end_ns < begin:
                continue
            if block.channels is not None and wanted.isdisjoint(block.channels):
                continue
            # Nothing that is still to come is earlier than the start of this block.
            ready = bisect_left(held, block.start_ns, key=_TIME)
            yield from held[:ready]
            held = held[ready:]
            held += [item for item in read(block) if begin <= item[0] < end]
            held.sort(key=_TIME)
        yield from held

    def _content(self, block: Block) -> bytes:
        if max(block.stored, block.size) > LARGEST_MESSAGE_BYTES:
            raise too_large(max(block.stored, block.size))
        if not block.chunk:
            self._file.seek(block.offset)
            return self._file.read(block.stored)
        head = read_chunk_head(self._file, block.offset)
        if (head.stored, head.size) != (block.stored, block.size):
            raise Damaged("a chunk has another size than the index says")
        return decompressed(self._file.read(head.stored), head.compression, head.size, head.crc)

    def _block_times(self, block: Block, wanted: frozenset[int]) -> Iterable[tuple[int, int]]:
        if not block.indexes:
            return [(message.time_ns, message.topic) for message in messages_in(self._content(block), wanted)]
        found: list[tuple[int, int]] = []
        for channel in wanted & block.indexes.keys():
            self._file.seek(block.indexes[channel])
            kind, size = record_head(self._file.read(RECORD_BYTES))
            if kind != MESSAGE_INDEX or size > LARGEST_MESSAGE_BYTES:
                raise Damaged("the index of a chunk is not where it should be")
            fields = Fields(self._file.read(size))
            if fields.number(2) != channel:
                raise Damaged("the index of a chunk is that of another topic")
            pairs = fields.raw(fields.number(4))
            if len(pairs) % 16:
                raise Damaged("the index of a chunk has a broken length")
            found += [(time_ns, channel) for time_ns, _ in struct.iter_unpack("<QQ", pairs)]
        return found
