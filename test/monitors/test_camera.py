from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.camera import CameraMonitor
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.monitors.finding import Effect

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


PICTURE = np.tile(np.arange(24, dtype=np.uint8)[:, np.newaxis] * 9, (1, 32))
PICTURE[:, ::2] += 20


class Formed:
    size_bytes = 1

    def __init__(self, form: str) -> None:
        self.form = form

    def rgb(self) -> NDArray[np.uint8]:
        return np.zeros((1, 1, 3), np.uint8)

    def grey(self) -> NDArray[np.uint8]:
        return np.zeros((1, 1), np.uint8)


def feed(
    monitor: CameraMonitor,
    begin_s: float,
    end_s: float,
    *,
    rate_hz: float = 10.0,
    level: int | None = None,
    travel_per_s: float = 0.0,
    form: str = "32x24 mono8",
    delay_s: float = 0.0,
) -> int:
    """Feed frames and return the node clock at the end. Without a level every frame differs."""
    now_ns = START
    for index in range(round((end_s - begin_s) * rate_hz)):
        time_s = begin_s + index / rate_hz
        shown = PICTURE + index % 2 * 20 if level is None else np.full((24, 32), level, np.uint8)
        stamp_ns = START + round(time_s * SECOND)
        now_ns = stamp_ns + round(delay_s * SECOND)
        frame = Frame("front", stamp_ns, Formed(form), shown)
        monitor.add(frame, now_ns)
        monitor.look(frame, {"elbow": travel_per_s * time_s})
    return now_ns


def names(monitor: CameraMonitor, now_ns: int, joint_path: float = 0.0) -> list[str]:
    return [finding.name for finding in monitor.findings(now_ns, {"elbow": joint_path})]


def test_a_camera_that_sends_is_fresh() -> None:
    monitor = CameraMonitor("front")
    now_ns = feed(monitor, 0, 5)
    assert names(monitor, now_ns) == ["camera_fresh"]
    assert monitor.statistics(now_ns).rate_hz == pytest.approx(10.0)


def test_a_camera_is_silent_after_its_own_timeout_and_not_before() -> None:
    monitor = CameraMonitor("front", CameraLimits(source_timeout_s=0.5))
    now_ns = feed(monitor, 0, 5)
    assert names(monitor, now_ns + SECOND // 2) == ["camera_fresh"]
    (finding,) = monitor.findings(now_ns + SECOND, {})
    assert (finding.name, finding.effect, finding.onset_ns) == ("camera_silent", Effect.BLIND, now_ns)


def test_a_timeout_of_zero_never_calls_a_camera_silent() -> None:
    monitor = CameraMonitor("front", CameraLimits(source_timeout_s=0.0))
    now_ns = feed(monitor, 0, 1)
    assert names(monitor, now_ns + 1000 * SECOND) == ["camera_fresh"]


def test_a_camera_that_never_sent_is_silent_and_the_text_names_what_is_broken() -> None:
    monitor = CameraMonitor("front")
    monitor.reject(FrameFault.SHORT_DATA, START)
    (finding,) = monitor.findings(START, {})
    assert finding.name == "camera_silent"
    assert "short_data" in finding.text


def test_frames_that_keep_coming_with_old_stamps_are_late() -> None:
    monitor = CameraMonitor("front")
    now_ns = feed(monitor, 0, 5, delay_s=30.0)
    assert names(monitor, now_ns) == ["camera_late"]


def test_the_same_picture_is_frozen_only_while_the_joints_move() -> None:
    resting, moving = CameraMonitor("front"), CameraMonitor("front")
    now_ns = feed(resting, 0, 5, level=90)
    feed(moving, 0, 5, level=90, travel_per_s=0.3)
    assert "camera_frozen" not in names(resting, now_ns)
    assert "camera_frozen" in names(moving, now_ns, joint_path=1.5)


def test_a_covered_camera_is_black() -> None:
    monitor = CameraMonitor("front")
    assert names(monitor, feed(monitor, 0, 5, level=3)) == ["camera_black"]
    assert names(monitor, feed(monitor, 5, 6)) == ["camera_fresh"]


def test_restarts_and_changes_of_form_are_counted() -> None:
    monitor = CameraMonitor("front")
    feed(monitor, 0, 2)
    now_ns = feed(monitor, 10, 12, form="64x48 rgb8")
    statistics = monitor.statistics(now_ns)
    assert (statistics.restarts, statistics.form_changes, statistics.form) == (1, 1, "64x48 rgb8")


def test_what_is_lost_is_counted_by_its_fault() -> None:
    monitor = CameraMonitor("front")
    now_ns = feed(monitor, 0, 1)
    for fault in (FrameFault.TRUNCATED, FrameFault.TRUNCATED, FrameFault.STAMP_REPEATED):
        monitor.reject(fault, now_ns)
    statistics = monitor.statistics(now_ns)
    assert (statistics.received, statistics.used, statistics.lost) == (13, 10, 3)
    assert statistics.faults == {FrameFault.TRUNCATED: 2, FrameFault.STAMP_REPEATED: 1}


def test_the_rate_of_a_camera_that_stopped_is_zero() -> None:
    monitor = CameraMonitor("front")
    now_ns = feed(monitor, 0, 5)
    assert monitor.statistics(now_ns + 10 * SECOND).rate_hz == 0.0


def test_limits_are_refused_by_name() -> None:
    with pytest.raises(JudgeError, match="source_timeout_s is -1"):
        CameraLimits(source_timeout_s=-1)
