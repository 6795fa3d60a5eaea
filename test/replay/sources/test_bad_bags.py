"""Each bag that cannot be judged is told in one sentence, the others are judged, and nothing is written elsewhere."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recorded import BAGS, needs_recordings
from replay.episode_bag import STARTED_NS, EpisodeBag
from replay.storage import raw_mcap
from replay.storage.bag_files import one_after_the_other, rewrite
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from vlm_judge_ros import cli
from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.events import BrokenFrame
from vlm_judge_ros.replay.sources.find import FindOptions, find_episodes

SECOND_NS = 1_000_000_000
SQUARE = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]
IMAGE = "sensor_msgs/msg/CompressedImage"
GOOD = EpisodeBag(name="good", duration_s=1.0)

Maker = Callable[[Path], Path]


def truncated(folder: Path) -> Path:
    path = GOOD.write(folder)
    file = next(path.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:-2000])
    return path


def being_written(folder: Path) -> Path:
    path = GOOD.write(folder)
    file = next(path.glob("*.mcap"))
    (path / "metadata.yaml").unlink()
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


def sqlite_being_written(folder: Path) -> Path:
    path = replace(GOOD, storage=StoragePlugin.SQLITE3).write(folder)
    file = next(path.glob("*.db3"))
    file.with_name(f"{file.name}-wal").write_bytes(b"not yet")
    return path


def sqlite_truncated(folder: Path) -> Path:
    path = replace(GOOD, storage=StoragePlugin.SQLITE3).write(folder)
    file = next(path.glob("*.db3"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return path


def empty(folder: Path) -> Path:
    return rewrite(GOOD.write(folder), folder / "empty", change=lambda *_: [])


def without_file(folder: Path) -> Path:
    path = GOOD.write(folder)
    next(path.glob("*.mcap")).unlink()
    return path


def without_metadata(folder: Path) -> Path:
    path = GOOD.write(folder)
    (path / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    return path


def metadata_pointing_outside(folder: Path) -> Path:
    path = GOOD.write(folder)
    file = next(path.glob("*.mcap"))
    file.rename(folder / file.name)
    metadata = (path / "metadata.yaml").read_text()
    (path / "metadata.yaml").write_text(metadata.replace(f"- {file.name}", f"- ../{file.name}"))
    return path


def without_camera(folder: Path) -> Path:
    return replace(GOOD, cameras=()).write(folder)


def without_task(folder: Path) -> Path:
    return replace(GOOD, task="", truth=False).write(folder)


def unknown_definition(folder: Path) -> Path:
    """An image topic whose bag defines the type with a field that nobody knows."""
    return _image_bag(folder, f"acme_msgs/Lens lens\n{_image_definition()}", b"")


def field_missing(folder: Path) -> Path:
    """The definition of a distribution that had no `data` in its images."""
    definition = "std_msgs/Header header\nstring format\n"
    return _image_bag(folder, definition, _header() + struct.pack("<I", 5) + b"jpeg\0")


def wrong_fields(folder: Path) -> Path:
    """Messages with a number more than their definition says, as of another distribution."""
    return _image_bag(folder, _image_definition(), _header() + bytes(1200))


def stamps_of_a_simulation(folder: Path) -> Path:
    path = replace(GOOD, started_ns=12 * SECOND_NS).write(folder)
    return rewrite(path, folder / "mixed", change=lambda topic, time_ns, data: [(topic, time_ns + STARTED_NS, data)])


def claims_two_gigabytes(folder: Path) -> Path:
    path = folder / "claims.mcap"
    told = raw_mcap.Told()
    path.write_bytes(raw_mcap.file(told.head, raw_mcap.message(1, 1, b"", claims=1 << 31)))
    return path


def chunk_bomb(folder: Path) -> Path:
    """A chunk of a few kB that says it has 1 kB and unpacks to 1 GB."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    packer = zstd.ZstdCompressor()
    packed = b"".join(packer.compress(bytes(1 << 24)) for _ in range(64)) + packer.flush()
    path = folder / "bomb.mcap"
    path.write_bytes(raw_mcap.file(raw_mcap.chunk(b"", "zstd", packed, size=1024)))
    return path


def ros_1(folder: Path) -> Path:
    path = folder / "old.bag"
    path.write_bytes(b"#ROSBAG V2.0\n")
    return path


def truth_without_a_name(folder: Path) -> Path:
    return _with_truth(folder, '{"name": "", "task_instruction": "x", "outcome": "success"}')


BAD: dict[Maker, str] = {
    truncated: "truncated or damaged",
    being_written: "still being recorded",
    sqlite_being_written: "still being recorded, or its recorder did not end well",
    sqlite_truncated: "truncated or damaged",
    empty: "holds no messages; record it again",
    without_file: "lacks good.mcap, which its metadata.yaml names",
    without_metadata: "has a metadata.yaml that cannot be read",
    metadata_pointing_outside: "lacks good.mcap",
    without_camera: "No topic of .* holds images; it has /chunk",
    without_task: "holds no task; give the instruction with --task",
    unknown_definition: "does not define the type acme_msgs/msg/Lens",
    field_missing: "is not what sensor_msgs/msg/CompressedImage is in ROS 2",
    wrong_fields: "cannot be decoded .* another ROS 2 distribution",
    stamps_of_a_simulation: "two clocks are mixed; .* --use-sim-time",
    claims_two_gigabytes: "a record claims 2147483648 bytes",
    chunk_bomb: "holds 1024 bytes and holds more",
    ros_1: "is a ROS 1 bag",
    truth_without_a_name: "ground truth of the episode is not readable",
}


def test_each_is_one_sentence_and_the_others_are_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = tmp_path / "in"
    paths = []
    for make in BAD:
        (inputs / make.__name__).mkdir(parents=True)
        paths.append(make(inputs / make.__name__))
    before = _contents(inputs)
    monkeypatch.chdir(tmp_path / "in")
    words = ["score", *map(str, paths), str(GOOD.write(tmp_path)), "--out", str(tmp_path / "out"), *SQUARE]
    assert cli.main(words) == 1
    told = capsys.readouterr().err
    failures = [line for line in told.splitlines() if line.startswith("failed: ")]
    assert len(failures) == len(BAD), told
    assert "Traceback" not in told
    assert (tmp_path / "out" / "good" / "verdicts.jsonl").exists()
    assert _contents(inputs) == before
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out", "good"}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_the_sentence_says_what_is_wrong(tmp_path: Path, make: Maker) -> None:
    reason = _why(make(tmp_path))
    assert "\n" not in reason
    assert reason.endswith(".")
    assert re.search(BAD[make], reason), reason


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/passwd", "..", ".", "x" * 300, "試験 1", "a/b\\c", "-rf", ".hidden", "report.html", "a\nb"],
)
def test_no_name_leads_out_of_the_folder_of_results(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f'{{"name": {json.dumps(name)}, "task_instruction": "move it", "outcome": "success"}}'
    out = tmp_path / "deep" / "er" / "out"
    out.parent.mkdir(parents=True)
    (tmp_path / "in").mkdir()
    assert cli.main(["score", str(_with_truth(tmp_path / "in", text)), "--out", str(out), *SQUARE]) == 0
    [folder] = [path for path in out.iterdir() if path.is_dir()]
    assert (folder / "verdicts.jsonl").is_file()
    assert len(folder.name) <= 125
    assert folder.name.isascii()
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "in"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_images_that_are_broken_are_told_of_and_the_rest_is_seen(tmp_path: Path) -> None:
    bomb = _png_claiming(30_000, 30_000)

    def change(topic: str, time_ns: int, data: bytes) -> Iterable[tuple[str, int, bytes]]:
        number = round((time_ns - STARTED_NS) / 1e8)
        if topic == "/front/image/compressed" and number in (3, 4, 5):
            data = {3: _image(time_ns, bomb), 4: _image(time_ns, b"no picture"), 5: _image(time_ns, b"")}[number]
        yield topic, time_ns, data

    path = rewrite(GOOD.write(tmp_path), tmp_path / "bombed", change=change)
    [episode] = find_episodes([path]).episodes
    contents = [event.content for event in episode.events()]
    faults = [content.fault for content in contents if isinstance(content, BrokenFrame)]
    assert faults == [FrameFault.TOO_LARGE, FrameFault.UNKNOWN_ENCODING, FrameFault.ZERO_SIZE]
    assert sum(isinstance(content, Frame) for content in contents) == 22 - 3


def test_stamps_that_go_back_end_no_episode(tmp_path: Path) -> None:
    """As where a simulation was reset while it was recorded."""
    first = replace(GOOD, name="first", truth=False).write(tmp_path)
    again = rewrite(first, tmp_path / "again", change=lambda topic, time_ns, data: [(topic, time_ns + SECOND_NS, data)])
    path = one_after_the_other([first, again], tmp_path / "back")
    assert cli.main(["score", str(path), "--out", str(tmp_path / "out"), *SQUARE]) == 0


@pytest.mark.parametrize("make", [claims_two_gigabytes, chunk_bomb], ids=lambda make: make.__name__)
def test_memory_stays_small(tmp_path: Path, make: Maker) -> None:
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from vlm_judge_ros.replay.bag import Bag, BagError\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20),) * 2)\n"
        "try:\n"
        "    with Bag(Path(sys.argv[1])) as bag:\n"
        "        list(bag.messages())\n"
        "except BagError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(make(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )
    assert ended.stdout.startswith("The bag "), ended.stderr


@needs_recordings
@pytest.mark.parametrize("name", ["test_bag_mcap", "test_bag_sqlite3"])
def test_pictures_of_other_software_that_are_none_are_told_one_by_one(name: str) -> None:
    options = FindOptions("look", {"front": "/test/sensor_msgs/image", "wrist": "/test/sensor_msgs/compressed_image"})
    found = find_episodes([BAGS / name], options)
    contents = [event.content for episode in found.episodes for event in episode.events()]
    assert found.unreadable or sum(isinstance(content, BrokenFrame) for content in contents) == 4


def _why(path: Path) -> str:
    found = find_episodes([path])
    if found.unreadable:
        assert not found.episodes
        return found.unreadable[0].reason
    with pytest.raises(JudgeError) as caught:
        for episode in found.episodes:
            list(episode.events())
    return str(caught.value)


def _contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*")}


def _with_truth(folder: Path, text: str) -> Path:
    def change(topic: str, time_ns: int, data: bytes) -> Iterator[tuple[str, int, bytes]]:
        yield topic, time_ns, raw_mcap.string(text) if topic == "/ground_truth/episode" else data

    return rewrite(GOOD.write(folder), folder / "told", change=change)


def _image_definition() -> str:
    return "std_msgs/Header header\nstring format\nuint8[] data\n"


def _header() -> bytes:
    stamp = struct.pack("<iI", STARTED_NS // SECOND_NS, 0)
    return b"\x00\x01\x00\x00" + stamp + struct.pack("<I", 1) + bytes(4)


def _image_bag(folder: Path, definition: str, data: bytes) -> Path:
    path = folder / "images.mcap"
    records = raw_mcap.schema(1, IMAGE, definition) + raw_mcap.channel(1, 1, "/front/image/compressed")
    records += raw_mcap.schema(2, "std_msgs/msg/String", "string data") + raw_mcap.channel(2, 2, "/task")
    path.write_bytes(
        raw_mcap.file(
            records,
            raw_mcap.message(2, STARTED_NS, raw_mcap.string("look")),
            raw_mcap.message(1, STARTED_NS, data or _image(STARTED_NS, b"x")),
        )
    )
    return path


def _image(time_ns: int, data: bytes) -> bytes:
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    stamp = types["builtin_interfaces/msg/Time"](sec=time_ns // SECOND_NS, nanosec=time_ns % SECOND_NS)
    image = types[IMAGE](
        header=types["std_msgs/msg/Header"](stamp=stamp, frame_id=""),
        format="png",
        data=np.frombuffer(data, dtype=np.uint8),
    )
    return bytes(store.serialize_cdr(image, IMAGE))


def _png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has so many pixels."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(bytes(100_000))) + part(b"IEND", b"")
