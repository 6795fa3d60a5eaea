"""Writes MCAP files byte by byte, so that they can be wrong in every way."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rosbags.typesys import Stores, get_typestore

MAGIC = b"\x89MCAP0\r\n"
STRING_MSG = "string data"


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def record(kind: int, content: bytes, claims: int | None = None) -> bytes:
    """A record; with `claims` it lies about its length."""
    return struct.pack("<BQ", kind, len(content) if claims is None else claims) + content


HEADER = record(0x01, text("ros2") + text("test"))


def schema(number: int, name: str, definition: str, encoding: str = "ros2msg") -> bytes:
    return record(0x03, struct.pack("<H", number) + text(name) + text(encoding) + text(definition))


def channel(number: int, schema_number: int, topic: str, encoding: str = "cdr") -> bytes:
    return record(0x04, struct.pack("<HH", number, schema_number) + text(topic) + text(encoding) + struct.pack("<I", 0))


def message(channel_number: int, time_ns: int, data: bytes, claims: int | None = None) -> bytes:
    return record(0x05, struct.pack("<HIQQ", channel_number, 0, time_ns, time_ns) + data, claims)


def string(value: str) -> bytes:
    """A serialised std_msgs/String."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    return bytes(store.serialize_cdr(store.types["std_msgs/msg/String"](data=value), "std_msgs/msg/String"))


def chunk(
    content: bytes,
    compression: str = "",
    stored: bytes | None = None,
    size: int | None = None,
    crc: int | None = None,
    times: Sequence[int] = (0, 2**62),
) -> bytes:
    """A chunk; what is given replaces what would be true."""
    stored = content if stored is None else stored
    head = struct.pack(
        "<QQQI",
        times[0],
        times[-1],
        len(content) if size is None else size,
        zlib.crc32(content) if crc is None else crc,
    )
    return record(0x06, head + text(compression) + struct.pack("<Q", len(stored)) + stored)


def footer(summary_start: int = 0) -> bytes:
    return record(0x02, struct.pack("<QQI", summary_start, 0, 0)) + MAGIC


def file(*records: bytes, end: bytes | None = None) -> bytes:
    """A file without a summary."""
    return MAGIC + HEADER + b"".join(records) + (footer() if end is None else end)


def indexed_file(head: bytes, chunks: Sequence[bytes], counts: Mapping[int, int]) -> bytes:
    """A file whose summary tells where its chunks, which are not compressed, lie and how many messages it has."""
    data, index = MAGIC + HEADER, b""
    for each in chunks:
        start, end, size = struct.unpack_from("<QQQ", each, 9)
        where = struct.pack("<QQQQ", start, end, len(data), len(each)) + struct.pack("<IQ", 0, 0) + text("")
        index += record(0x08, where + struct.pack("<QQ", size, size))
        data += each
    told = b"".join(struct.pack("<HQ", *each) for each in counts.items())
    statistics = struct.pack("<QHIIIIQQ", sum(counts.values()), 1, 1, 0, 0, len(chunks), 0, 0)
    summary = head + index + record(0x0B, statistics + struct.pack("<I", len(told)) + told)
    return data + summary + footer(len(data))


@dataclass(frozen=True)
class Told:
    """Strings on one topic: what a file of them holds before its messages."""

    topic: str = "/task"

    @property
    def head(self) -> bytes:
        return schema(1, "std_msgs/msg/String", STRING_MSG) + channel(1, 1, self.topic)

    def messages(self, times_ns: Sequence[int], **options: Any) -> bytes:
        return b"".join(message(1, time_ns, string(str(time_ns)), **options) for time_ns in times_ns)
