from __future__ import annotations

import struct
import sys
from pathlib import Path

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay.storage import raw_mcap
from replay.storage.raw_mcap import Told

from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.storage.decompression import decompressed
from vlm_judge_ros.replay.storage.stored import LARGEST_MESSAGE_BYTES, StorageFault

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TOLD = Told()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "written.mcap"
    path.write_bytes(content)
    return path


def texts(path: Path) -> list[str]:
    with Bag(path) as bag:
        return [bag.decode(message).data for message in bag.messages()]


def fails(path: Path, sentence: str) -> None:
    with pytest.raises(BagError, match=sentence) as caught:
        texts(path)
    assert str(caught.value).startswith(f"The bag {path} ")
    assert "\n" not in str(caught.value)


def test_messages_outside_of_chunks_come_in_order_of_time_though_nothing_lists_them(tmp_path: Path) -> None:
    path = written(tmp_path, raw_mcap.file(TOLD.head, TOLD.messages([30, 10, 20])))
    assert texts(path) == ["10", "20", "30"]


def test_a_file_without_an_index_of_its_chunks_is_read_whole(tmp_path: Path) -> None:
    chunks = [raw_mcap.chunk(TOLD.head + TOLD.messages([20, 40])), raw_mcap.chunk(TOLD.messages([10, 30]))]
    path = written(tmp_path, raw_mcap.file(*chunks))
    assert texts(path) == ["10", "20", "30", "40"]
    with Bag(path) as bag:
        assert bag.counts == {"/task": 4}
        assert [message.time_ns for message in bag.messages(None, 20, 40)] == [20, 30]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_chunks_may_be_compressed(tmp_path: Path, compression: str) -> None:
    content = TOLD.head + TOLD.messages([1, 2])
    stored = lz4.frame.compress(content) if compression == "lz4" else zstd.compress(content)
    path = written(tmp_path, raw_mcap.file(raw_mcap.chunk(content, compression, stored)))
    assert texts(path) == ["1", "2"]


def test_a_message_that_claims_two_gigabytes_is_refused(tmp_path: Path) -> None:
    lying = raw_mcap.message(1, 5, b"\0" * 64, claims=1 << 31)
    fails(written(tmp_path, raw_mcap.file(TOLD.head, lying)), r"truncated or damaged: a record claims 2147483648 bytes")
    fails(written(tmp_path, raw_mcap.file(raw_mcap.chunk(TOLD.head + lying))), r"a record claims 2147483648 bytes")


def test_a_message_that_has_two_gigabytes_is_refused_where_it_is_wanted_and_else_passed_over(tmp_path: Path) -> None:
    size = 1 << 31
    path = tmp_path / "sparse.mcap"
    begin = raw_mcap.MAGIC + raw_mcap.HEADER + TOLD.head + raw_mcap.channel(2, 1, "/cloud") + TOLD.messages([10])
    with path.open("wb") as file:
        file.write(begin + raw_mcap.message(2, 20, b"", claims=22 + size))
        file.seek(size, 1)  # a hole in the file: nothing is written
        file.write(TOLD.messages([30]) + raw_mcap.footer())
    with Bag(path) as bag:
        assert bag.counts == {"/task": 2, "/cloud": 1}
        assert [bag.decode(message).data for message in bag.messages({"/task"})] == ["10", "30"]
        with pytest.raises(BagError, match=r"holds a message or chunk of 21474\d+ bytes, and \d+ are the most"):
            list(bag.messages({"/cloud"}))


def test_a_chunk_that_claims_more_than_is_read_is_refused(tmp_path: Path) -> None:
    chunk = raw_mcap.chunk(TOLD.head, "zstd", zstd.compress(TOLD.head), size=1 << 31)
    fails(written(tmp_path, raw_mcap.file(chunk)), "holds a message or chunk of 2147483648 bytes")


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_bomb_is_not_unpacked_further_than_it_was_announced(compression: str) -> None:
    bomb = b"\0" * (64 << 20)
    packed = lz4.frame.compress(bomb) if compression == "lz4" else zstd.compress(bomb)
    with pytest.raises(StorageFault, match="holds 1000 bytes and holds more"):
        decompressed(packed, compression, 1000)
    with pytest.raises(StorageFault, match="are the most that are read"):
        decompressed(packed, compression, LARGEST_MESSAGE_BYTES + 1)


@given(st.binary(max_size=4096), st.integers(0, 64), st.sampled_from(["lz4", "zstd"]))
def test_what_is_cut_off_is_never_taken_for_whole(content: bytes, cut: int, compression: str) -> None:
    packed = lz4.frame.compress(content) if compression == "lz4" else zstd.compress(content)
    assert decompressed(packed, compression, len(content)) == content
    if content and 0 < cut < len(packed):
        with pytest.raises(StorageFault):
            decompressed(packed[:cut], compression, len(content) + 1)


def test_a_file_that_is_being_written_is_said_to_be_so(tmp_path: Path) -> None:
    fails(
        written(tmp_path, raw_mcap.file(TOLD.head, TOLD.messages([1]), end=b"")), "cut off or is still being recorded"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b"hello, this is no recording at all, but a text", "is no MCAP file"),
        (raw_mcap.file(raw_mcap.message(9, 1, b"")), "a topic that is nowhere named"),
        (raw_mcap.file(raw_mcap.record(0x05, b"short")), "shorter than its head"),
        (raw_mcap.file(raw_mcap.record(0x04, b"\0")), "a record is shorter than what it holds"),
        (raw_mcap.file(raw_mcap.chunk(TOLD.head, crc=7)), "checksum differs"),
        (raw_mcap.file(raw_mcap.chunk(TOLD.head, "brotli", TOLD.head)), "is compressed with 'brotli'"),
        (raw_mcap.file(raw_mcap.chunk(TOLD.head, "zstd", b"nonsense")), "zstd cannot be read"),
        (raw_mcap.file(raw_mcap.chunk(TOLD.head, "lz4", b"nonsense")), "lz4 cannot be read"),
        (raw_mcap.file(raw_mcap.chunk(TOLD.head, size=7)), "holds 7 bytes and holds more"),
        (raw_mcap.file(TOLD.head, end=raw_mcap.footer(summary_start=1 << 40)), "summary is not where"),
    ],
    ids=range(11),
)
def test_every_kind_of_damage_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    fails(written(tmp_path, content), sentence)


def test_messages_of_other_encodings_are_listed_and_refused_when_wanted(tmp_path: Path) -> None:
    records = raw_mcap.schema(1, "acme.Rocket", "", "protobuf") + raw_mcap.channel(1, 1, "/rocket", "protobuf")
    path = written(tmp_path, raw_mcap.file(records, raw_mcap.message(1, 1, b"abc")))
    with Bag(path) as bag:
        assert dict(bag.topics) == {"/rocket": "acme.Rocket"}
    fails(path, "/rocket that is encoded as 'protobuf', not as ROS 2 does")


@pytest.mark.parametrize(
    ("name", "definition", "sentence"),
    [
        ("acme_msgs/msg/Rocket", "", "does not define the type acme_msgs/msg/Rocket of its topic"),
        ("acme_msgs/msg/Rocket", "acme_msgs/Engine engine", "does not define the type acme_msgs/msg/Engine"),
        ("acme_msgs/msg/Rocket", "uint8 ] x[", "definition of acme_msgs/msg/Rocket that cannot be read"),
        ("a/msg/B:\n import os", "string data", "is no type of ROS 2"),
        ("__schemaless__", "", "is no type of ROS 2"),
        ("std_msgs/msg/String", "x" * (2 << 20), "characters"),
    ],
)
def test_types_that_cannot_be_known_are_named(tmp_path: Path, name: str, definition: str, sentence: str) -> None:
    records = raw_mcap.schema(1, name, definition) + raw_mcap.channel(1, 1, "/rocket")
    fails(written(tmp_path, raw_mcap.file(records, raw_mcap.message(1, 1, raw_mcap.string("x")))), sentence)


def test_no_definition_is_run_as_code(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    sly = f"\nMSG: a/msg/B: pass\nopen({str(trap)!r}, 'w')\nclass C"
    definition = f"string data\n{'=' * 80}{sly}\nstring data\n"
    constant = f"string A=\"+str(open({str(trap)!r}, 'w'))+\"\nstring data"
    for text in (definition, constant):
        records = raw_mcap.schema(1, "a/msg/D", text) + raw_mcap.channel(1, 1, "/task")
        path = written(tmp_path, raw_mcap.file(records, raw_mcap.message(1, 1, raw_mcap.string("x"))))
        try:
            assert texts(path) == ["x"]
        except BagError as error:
            assert "definition" in str(error)
        assert not trap.exists()


def test_fields_that_another_distribution_added_are_no_hindrance(tmp_path: Path) -> None:
    records = raw_mcap.schema(1, "std_msgs/msg/String", "string data\nuint32 added") + raw_mcap.channel(1, 1, "/task")
    data = raw_mcap.string("abc") + struct.pack("<I", 7)
    assert texts(written(tmp_path, raw_mcap.file(records, raw_mcap.message(1, 1, data)))) == ["abc"]


def test_what_the_middleware_leaves_behind_a_message_is_no_damage(tmp_path: Path) -> None:
    path = written(tmp_path, raw_mcap.file(TOLD.head, raw_mcap.message(1, 1, raw_mcap.string("abc") + b"\0" * 12)))
    assert texts(path) == ["abc"]


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_changed_byte_is_harmless_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    content = TOLD.head + TOLD.messages([1, 2])
    data = bytearray(
        raw_mcap.file(TOLD.head, raw_mcap.chunk(content, "zstd", zstd.compress(content)), TOLD.messages([3]))
    )
    data[place % len(data)] ^= flip
    path = written(tmp_path_factory.getbasetemp(), bytes(data))
    try:
        with Bag(path) as bag:
            for message in bag.messages():
                bag.decode(message)  # not its `data`: the changed byte may be in the name of that field
    except BagError as error:
        assert str(path) in str(error)


def test_what_lies_outside_of_a_stretch_is_not_read(tmp_path: Path) -> None:
    chunks = [raw_mcap.chunk(TOLD.head + TOLD.messages(times), times=times) for times in ([1, 2], [3, 4], [5, 6])]
    path = written(tmp_path, raw_mcap.indexed_file(TOLD.head, chunks, {1: 6}))
    data = path.read_bytes()
    first = data.index(raw_mcap.string("1")) + 8
    path.write_bytes(data[:first] + b"?" + data[first + 1 :])
    fails(path, "checksum differs")
    with Bag(path) as bag:
        assert [bag.decode(message).data for message in bag.messages(None, 3, 6)] == ["3", "4", "5"]
        assert [message.time_ns for message in bag.times(None, 4)] == [4, 5, 6]
