"""Cameras that misbehave: named, counted, never a crash, never a silent good verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import Bench, Robot
from diagnostic_msgs.msg import DiagnosticStatus
from judge_process import JudgeProcess
from recorded import BAGS, needs_recordings
from rosbags.highlevel import AnyReader

from vlm_judge_ros import msg

UNKNOWN, PROGRESSING = msg.Verdict.STATE_UNKNOWN, msg.Verdict.STATE_PROGRESSING


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "faults", compressed_wrist=True)
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def judge(start: Callable[..., JudgeProcess], robot: Robot) -> JudgeProcess:
    timeouts = {"front__source_timeout_s": 1.5, "wrist__source_timeout_s": 1.5}
    return start("faults", period_s=0.3, deadline_s=10.0, wrist__transport="compressed", auto_episode=False, **timeouts)


@pytest.fixture(autouse=True)
def a_good_start(judge: JudgeProcess, robot: Robot) -> Iterator[None]:
    before = judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)
    yield
    for camera in (robot.front, robot.wrist):
        camera.running, camera.size, camera.encoding, camera.spoil = True, (64, 48), "rgb8", lambda message: None
    judge.end_episode()


def shorten(message: Any) -> None:
    message.data = message.data[:-100]


def empty(message: Any) -> None:
    message.height, message.width, message.step = 0, 0, 0
    message.data = b""


def squeeze(message: Any) -> None:
    message.step = 10


def misname(message: Any) -> None:
    message.encoding = "rgb99"


def unset_stamp(message: Any) -> None:
    message.header.stamp.sec = message.header.stamp.nanosec = 0


def impossible_stamp(message: Any) -> None:
    message.header.stamp.nanosec = 2**32 - 1


def negative_stamp(message: Any) -> None:
    message.header.stamp.sec = -5


def early_stamp(message: Any) -> None:
    message.header.stamp.sec += 3600


def old_stamp(message: Any) -> None:
    # Half a second behind on every other frame: a stray frame, not a clock that was set back.
    if message.header.stamp.nanosec // 50_000_000 % 2:
        ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec - 500_000_000
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(ns, 10**9)


def same_stamp(message: Any) -> None:
    message.header.stamp.nanosec = 0


def lose_a_packet(message: Any) -> None:
    middle = len(message.data) // 2
    message.data = message.data[: middle - 128] + message.data[middle + 128 :]


def garble(message: Any) -> None:
    data = bytearray(message.data)
    data[0:3] = b"abc"
    message.data = bytes(data)


@pytest.mark.parametrize(
    ("camera", "spoil", "fault"),
    [
        ("front", shorten, "short_data"),
        ("front", empty, "zero_size"),
        ("front", squeeze, "short_step"),
        ("front", misname, "unknown_encoding"),
        ("front", unset_stamp, "stamp_zero"),
        ("front", impossible_stamp, "stamp_invalid"),
        ("front", negative_stamp, "stamp_invalid"),
        ("front", early_stamp, "stamp_future"),
        ("front", old_stamp, "stamp_backwards"),
        ("front", same_stamp, "stamp_repeated"),
        ("wrist", shorten, "truncated"),
        ("wrist", lose_a_packet, "undecodable"),
        ("wrist", garble, "unknown_encoding"),
        ("wrist", lambda message: setattr(message, "data", b""), "zero_size"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_broken_frames_are_named_and_counted_and_the_camera_recovers(
    judge: JudgeProcess, robot: Robot, camera: str, spoil: Callable[[Any], None], fault: str
) -> None:
    key = f"fault {fault}"
    counted = judge.count(f"camera {camera}", key)
    getattr(robot, camera).spoil = spoil
    judge.await_count(f"camera {camera}", key, counted + 3)
    getattr(robot, camera).spoil = lambda message: None
    before = len(judge.verdicts)
    judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)


def test_a_camera_that_sends_only_broken_frames_is_no_evidence(judge: JudgeProcess, robot: Robot) -> None:
    before = len(judge.verdicts)
    robot.front.spoil = shorten
    verdict = judge.await_verdict(UNKNOWN, "front", before)
    assert any(finding.name.startswith("camera_") and finding.source == "front" for finding in verdict.decided_by)
    judge.await_status("camera front", DiagnosticStatus.ERROR)


def test_a_camera_that_stops_is_named_and_comes_back(judge: JudgeProcess, robot: Robot) -> None:
    before, restarts = len(judge.verdicts), judge.count("camera wrist", "restarts")
    robot.wrist.running = False
    judge.await_verdict(UNKNOWN, "wrist has been silent", before)
    judge.await_status("camera wrist", DiagnosticStatus.ERROR, "silent")
    before = len(judge.verdicts)
    robot.wrist.running = True
    judge.await_verdict(PROGRESSING, since=before)
    judge.await_count("camera wrist", "restarts", restarts + 1)


def test_a_camera_may_change_size_and_encoding(judge: JudgeProcess, robot: Robot) -> None:
    changes = judge.count("camera front", "size or encoding changed")
    robot.front.size = (80, 60)
    judge.await_count("camera front", "size or encoding changed", changes + 1)
    robot.front.encoding = "mono8"
    judge.await_count("camera front", "size or encoding changed", changes + 2)
    judge.until(lambda: judge.values("camera front")["image"] == "80x60 mono8", "the new kind of image")
    judge.await_progress(2)
    before = len(judge.verdicts)
    judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)


def test_a_publisher_that_is_restarted_with_an_older_clock_voids_the_episode(judge: JudgeProcess, robot: Robot) -> None:
    jumps, before = judge.count("episode", "clock jumps back"), len(judge.verdicts)

    def set_back(message: Any) -> None:
        message.header.stamp.sec -= 1000

    robot.front.spoil = robot.wrist.spoil = set_back
    judge.await_count("episode", "clock jumps back", jumps + 1)
    judge.await_verdict(UNKNOWN, "void", before)
    robot.front.spoil = robot.wrist.spoil = lambda message: None
    # The clock of the cameras goes forward again; a new episode is judged as ever.
    before = len(judge.verdicts)
    judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)


@needs_recordings
def test_a_recorded_image_of_30_bytes_is_counted(judge: JudgeProcess, robot: Robot) -> None:
    with AnyReader([BAGS / "test_bag_mcap"]) as reader:
        images = [entry for entry in reader.connections if entry.msgtype == "sensor_msgs/msg/Image"]
        recorded = [bytes(data) for _, _, data in reader.messages(images)]
    counted = judge.count("camera front", "fault short_data")
    for message in recorded:
        robot.front.publisher.publish(message)
    judge.await_count("camera front", "fault short_data", counted + len(recorded))
