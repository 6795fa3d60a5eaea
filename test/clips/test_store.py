from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from clips.material import FRONT, START_NS, TASK, at, clip, frame, names
from rosbags.highlevel import AnyReader

from vlm_judge_ros.clips import store as store_room
from vlm_judge_ros.clips.channels import image_channel
from vlm_judge_ros.clips.clip_record import FILE, read_record
from vlm_judge_ros.clips.entry import Channel, Entry
from vlm_judge_ros.clips.message_types import MessageTypes
from vlm_judge_ros.clips.recorder import Clip
from vlm_judge_ros.clips.store import ClipError, Store, usual_folder
from vlm_judge_ros.clips.writer_thread import WriterThread
from vlm_judge_ros.clips.writing import CUSTOM_DATA
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.recording import Recording

MB = 10**6


def with_entries(given: Clip, *entries: Entry) -> Clip:
    return Clip(given.name, given.record, given.latched, (*given.entries, *entries))


def test_a_clip_is_a_bag_that_rosbags_and_the_replay_read(tmp_path: Path) -> None:
    stored = Store(tmp_path, MB, 10 * MB).write(clip())
    assert names(stored.path) == [f"{stored.path.name}.mcap", FILE, "metadata.yaml"]
    with AnyReader([stored.path]) as reader:
        read = [(connection.topic, time_ns) for connection, time_ns, _ in reader.messages()]
    assert read[0] == ("/task", START_NS) and ("/height", at(1.0)) in read
    with Bag(stored.path) as bag:
        recording = Recording.read(bag)
        assert (recording.task, recording.duration_s) == ("push the button", 1.0)
        assert next(shot.jpeg for shot in recording.shots(bag)) == frame(0.0).image.file()  # type: ignore[attr-defined]


def test_what_is_known_of_a_clip_stands_in_the_bag_and_beside_it(tmp_path: Path) -> None:
    stored = Store(tmp_path, MB, 10 * MB).write(clip())
    record = read_record(stored.path)
    assert record is not None and record.cameras == {"front": "/front/image/compressed"}
    written = yaml.safe_load((stored.path / "metadata.yaml").read_text())
    data = written["rosbag2_bagfile_information"]["custom_data"]
    assert json.loads(data[CUSTOM_DATA]) == json.loads((stored.path / FILE).read_text())
    assert read_record(tmp_path) is None
    (stored.path / FILE).write_text("{}")
    with pytest.raises(JudgeError, match=r"clip\.json cannot be used \(episode_id"):
        read_record(stored.path)


def test_raw_images_become_jpeg_on_a_topic_that_says_so(tmp_path: Path) -> None:
    raw = image_channel("front", "/front/image", False)
    still = frame(1.0, raw=True)
    still.image.rgb()
    given = Clip(clip().name, clip().record, (), (Entry(at(1.0), raw, still, 1),))
    stored = Store(tmp_path, MB, 10 * MB).write(given)
    with Bag(stored.path) as bag:
        (message,) = bag.messages()
        image = bag.decode(message)
    assert message.topic == "/front/image/compressed"
    assert (image.format, image.header.frame_id, image.header.stamp.sec) == ("jpeg", "front", at(1.0) // 10**9)
    assert bytes(image.data[:3]) == b"\xff\xd8\xff"


def test_messages_of_this_package_are_defined_in_the_clip(tmp_path: Path) -> None:
    types = MessageTypes()
    for name in ("Verdict", "Failure", "Findings", "ActionChunk"):
        types.learn(f"vlm_judge_ros/msg/{name}")
    kinds = types.store.types
    findings = kinds["vlm_judge_ros/msg/Findings"](
        header=kinds["std_msgs/msg/Header"](stamp=kinds["builtin_interfaces/msg/Time"](sec=1, nanosec=0), frame_id=""),
        episode_id="one",
        findings=[],
    )
    kind = "vlm_judge_ros/msg/Findings"
    channel = Channel("/judge/findings", kind, lambda message: bytes(types.store.serialize_cdr(message, kind)))
    stored = Store(tmp_path, MB, 10 * MB).write(with_entries(clip(), Entry(at(1.0), channel, findings, 1)))
    with Bag(stored.path) as bag:
        (message,) = bag.messages({"/judge/findings"})
        assert bag.decode(message).episode_id == "one"


def test_what_the_middleware_leaves_behind_a_message_is_cut_off(tmp_path: Path) -> None:
    types = MessageTypes()
    kinds = types.store.types
    empty = np.array([], dtype=np.float64)
    header = kinds["std_msgs/msg/Header"](stamp=kinds["builtin_interfaces/msg/Time"](sec=1, nanosec=0), frame_id="")
    joints = kinds["sensor_msgs/msg/JointState"](header=header, name=[], position=empty, velocity=empty, effort=empty)
    cdr = bytes(types.store.serialize_cdr(joints, "sensor_msgs/msg/JointState"))
    for excess in range(0, 20, 4):
        assert types.exact(cdr + b"tail" * (excess // 4), "sensor_msgs/msg/JointState") == cdr
    with pytest.raises(JudgeError, match="bytes are no"):
        types.exact(cdr[:20], "sensor_msgs/msg/JointState")


def test_what_cannot_be_written_is_left_out_and_named(tmp_path: Path) -> None:
    def broken(_: object) -> bytes:
        raise JudgeError("It is broken.")

    strange = Channel("/strange", "nowhere_msgs/msg/Thing", lambda _: b"")
    bad = Channel("/bad", "std_msgs/msg/String", broken)
    given = with_entries(clip(), Entry(at(1.0), strange, 0, 1), Entry(at(1.0), bad, 0, 1))
    record = read_record(Store(tmp_path, MB, 10 * MB).write(given).path)
    assert record is not None
    named, counted = record.left_out
    assert named.startswith("The topic /strange: The definition of the message nowhere_msgs/msg/Thing is missing")
    assert counted == "1 messages of /bad, which are broken."


def test_a_clip_that_is_too_large_loses_every_second_image_first(tmp_path: Path) -> None:
    given = clip(images=64, size=(96, 128))
    whole = Store(tmp_path / "a", 100 * MB, 100 * MB).write(given).size_bytes
    stored = Store(tmp_path / "b", whole // 3, 100 * MB).write(given)
    assert stored.size_bytes <= whole // 3
    record = read_record(stored.path)
    assert record is not None and record.image_share in (0.25, 0.5) and record.left_out == ()
    with Bag(stored.path) as bag:
        assert bag.counts["/height"] == 64
        times = [message.time_ns for message in bag.messages({FRONT.topic})]
    assert times[-1] == given.entries[-1].time_ns
    assert len({later - earlier for earlier, later in pairwise(times)}) == 1


def test_a_clip_that_is_still_too_large_loses_what_is_oldest(tmp_path: Path) -> None:
    stored = Store(tmp_path, 120_000, 100 * MB).write(clip(images=16, size=(96, 128)))
    assert stored.size_bytes <= 120_000
    record = read_record(stored.path)
    assert record is not None and record.left_out[0].startswith("The oldest ")
    assert record.begin_ns > START_NS


def test_the_oldest_clips_make_way_and_others_files_stay(tmp_path: Path) -> None:
    size = Store(tmp_path / "one", MB, MB).write(clip()).size_bytes
    folder = tmp_path / "clips"
    store = Store(folder, MB, 3 * size + size // 2)
    folder.mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    removed = [store.write(clip(index, f"episode-{index}")).removed for index in range(5)]
    assert removed == [0, 0, 0, 1, 1]
    assert names(folder) == [clip(index, f"episode-{index}").name for index in (2, 3, 4)] + ["notes"]


def test_clips_of_the_running_episode_never_make_way(tmp_path: Path) -> None:
    size = Store(tmp_path / "one", MB, MB).write(clip()).size_bytes
    folder = tmp_path / "clips"
    store = Store(folder, MB, 2 * size + size // 2)
    store.write(clip(0))
    store.write(clip(1))
    with pytest.raises(ClipError, match="evidence_total_mb"):
        store.write(clip(2))
    assert names(folder) == [clip(0).name, clip(1).name]


def test_what_a_crash_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    for name in (".clip-crashed", ".clip-running", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half.mcap").write_bytes(b"half")
    with store_room._lock(tmp_path / ".clip-running"):
        Store(tmp_path, MB, MB).prepare()
    assert names(tmp_path) == [".clip-running", "other"]


def test_a_folder_that_cannot_be_written_or_vanishes_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClipError, match=r"could not be written to .*file.*evidence_folder"):
        Store(tmp_path / "file", MB, MB).write(clip())
    store = Store(tmp_path / "clips", MB, MB)
    store.write(clip(0))
    shutil.rmtree(tmp_path / "clips")
    store.write(clip(1))
    assert names(tmp_path / "clips") == [clip(1).name]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(small_disk: Path) -> None:
    store = Store(small_disk, 64 * MB, 1000 * MB)
    store.write(clip(0, images=4))
    with pytest.raises(ClipError, match=rf"could not be written.*{os.strerror(errno.ENOSPC)}"):
        store.write(clip(1, images=40, size=(240, 320)))
    assert names(small_disk) == [clip(0).name]
    store.write(clip(2, images=4))


def test_a_limit_on_the_size_of_files_is_one_sentence_too(tmp_path: Path) -> None:
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ClipError, match=os.strerror(errno.EFBIG)):
            Store(tmp_path, MB, MB).write(clip(images=20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def test_the_thread_goes_on_after_a_failure_and_tells_both(small_disk: Path) -> None:
    thread = WriterThread(Store(small_disk, 64 * MB, 1000 * MB))
    thread.put(clip(0, images=40, size=(240, 320)))
    news: list[tuple[bool, str]] = []
    while not news:
        news = thread.news()
    assert [warning for warning, _ in news] == [True]
    assert (thread.counts.failed, thread.counts.written) == (1, 0)
    assert thread.counts.last_error == news[0][1] and thread.is_lost(clip(0).name)
    thread.put(clip(1, images=2))
    thread.close(60.0)
    counts = thread.counts
    assert (counts.failed, counts.written, counts.waiting, counts.last_error) == (1, 1, 0, "")
    assert not thread.is_lost(clip(1).name)


def test_what_comes_faster_than_a_hanging_disk_takes_it_is_dropped_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hang")  # opening it blocks until somebody reads

    def hang(_: object) -> bytes:
        with (tmp_path / "hang").open("wb"):
            return TASK.serialize("through")

    slow = Channel("/slow", "std_msgs/msg/String", hang)
    thread = WriterThread(Store(tmp_path / "clips", MB, 100 * MB))
    given = [with_entries(clip(index), Entry(at(1.0), slow, 0, 1)) for index in range(6)]
    for one in given:
        thread.put(one)
    counts = thread.counts
    assert counts.dropped >= 4 and counts.dropped + counts.waiting == 6
    assert thread.is_lost(given[-1].name) and "too slow" in counts.last_error
    for _ in range(counts.waiting):
        with (tmp_path / "hang").open("rb") as reader:
            reader.read()
    thread.close(60.0)
    assert thread.counts.written == counts.waiting


def test_the_usual_folder_is_that_of_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert usual_folder() == tmp_path / "vlm_judge_ros" / "clips"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert usual_folder() == Path.home() / ".local" / "state" / "vlm_judge_ros" / "clips"


def test_an_image_as_it_arrived_keeps_every_byte() -> None:
    original = frame(2.0)
    assert FRONT.serialize(original).endswith(original.image.file())  # type: ignore[attr-defined]
    assert np.array_equal(original.image.rgb(), frame(2.0).image.rgb())
