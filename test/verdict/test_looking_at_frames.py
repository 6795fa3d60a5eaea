"""About ten frames a second of each camera are looked at; the others count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scene import START_NS, TinyImage, thumbnail

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.fault import BrokenImage, FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.verdict.engine import Engine, EngineSettings
from vlm_judge_ros.verdict.schedule import Request

RATE_HZ = 30.0
CAMERAS = ("front", "wrist")


class Cameras:
    """Two cameras, and a note of which of their frames are decoded; some may be damaged.

    Args:
        damaged: tells by camera and number which frames are damaged after their headers.
        shown: what the frame of a number shows; None for a spot that moves.
    """

    def __init__(
        self,
        damaged: Callable[[str, int], bool] = lambda camera, index: False,
        shown: Callable[[int], NDArray[np.uint8]] | None = None,
        rate_hz: float = RATE_HZ,
    ) -> None:
        self.engine = Engine(EngineSettings())
        self.engine.start_episode("one", "push the button", START_NS)
        self.decoded: dict[str, list[int]] = {camera: [] for camera in CAMERAS}
        self.requests: list[Request] = []
        self.found: dict[tuple[str, str], int] = {}
        self._damaged = damaged
        self._shown = shown or (lambda index: thumbnail(index / 300))
        self._rate_hz = rate_hz

    def stamp_ns(self, index: int) -> int:
        return START_NS + nanoseconds(index / self._rate_hz)

    def send(self, count: int) -> None:
        for index in range(count):
            now_ns = self.stamp_ns(index)
            self.engine.add_joint_state(JointSample(now_ns, ("elbow",), (index / self._rate_hz,)))
            for camera in CAMERAS:
                self.engine.add_frame(self._frame(camera, index), now_ns)
            request = self.engine.due(now_ns)
            if request is not None:
                self.requests.append(request)
            self.engine.check(now_ns)
            for finding in self.engine.findings:
                self.found.setdefault((finding.name, finding.source), index)

    def _frame(self, camera: str, index: int) -> Frame:
        def decode() -> NDArray[np.uint8]:
            self.decoded[camera].append(index)
            if self._damaged(camera, index):
                raise BrokenImage(FrameFault.UNDECODABLE, "The image is damaged.")
            return self._shown(index)

        return Frame(camera, self.stamp_ns(index), TinyImage(), decode)


def test_a_third_of_the_frames_at_30_hz_are_looked_at_those_of_both_cameras_together_and_all_are_counted() -> None:
    cameras = Cameras()
    cameras.send(300)
    assert cameras.decoded["front"] == cameras.decoded["wrist"] == list(range(0, 300, 3))
    for statistics in cameras.engine.statistics(cameras.stamp_ns(299)).values():
        assert statistics.received == statistics.used == 300
        assert statistics.rate_hz == pytest.approx(RATE_HZ)
        assert statistics.newest_ns == cameras.stamp_ns(299)


@pytest.mark.parametrize("moment", range(30, 36))
def test_a_question_shows_the_first_frames_of_its_moment_whoever_has_turn(moment: int) -> None:
    cameras = Cameras()
    cameras.engine.add_chunk(Chunk(1, cameras.stamp_ns(0), moment, 1.0 / RATE_HZ))
    cameras.send(moment + 1)
    assert [request.chunk_id for request in cameras.requests] == [1]
    evidence = cameras.requests[0].evidence
    assert evidence is not None
    newest = {camera: keyframes[-1].frame.stamp_ns for camera, keyframes in evidence.keyframes.items()}
    assert newest == dict.fromkeys(CAMERAS, cameras.stamp_ns(moment))


def test_what_a_question_waits_for_does_not_shift_the_turns() -> None:
    cameras = Cameras()
    cameras.engine.add_chunk(Chunk(1, cameras.stamp_ns(0), 31, 1.0 / RATE_HZ))
    cameras.send(60)
    assert cameras.decoded["front"] == cameras.decoded["wrist"] == sorted({*range(0, 60, 3), 31})


def test_a_camera_whose_frames_are_all_damaged_from_some_moment_on_is_blind_after_its_timeout() -> None:
    cameras = Cameras(lambda camera, index: camera == "wrist" and index >= 61)
    cameras.send(180)
    # Two frames that nobody looked at still counted, and after the third none does.
    silent = cameras.found["camera_silent", "wrist"]
    assert 61 + 60 <= silent <= 61 + 60 + 3
    statistics = cameras.engine.statistics(cameras.stamp_ns(179))["wrist"]
    assert statistics.received == 180
    assert statistics.faults == {FrameFault.UNDECODABLE: 180 - 63}
    assert ("camera_silent", "front") not in cameras.found


def test_a_camera_that_never_sent_a_whole_frame_is_blind_from_the_start() -> None:
    cameras = Cameras(lambda camera, index: camera == "wrist")
    cameras.send(10)
    assert cameras.engine.statistics(cameras.stamp_ns(9))["wrist"].used == 0
    finding = next(found for found in cameras.engine.findings if found.name == "camera_silent")
    assert "its frames are broken (undecodable)" in finding.text


@pytest.mark.parametrize("whole", range(3))
def test_a_camera_that_sends_only_every_third_frame_whole_is_seen(whole: int) -> None:
    cameras = Cameras(lambda camera, index: camera == "wrist" and index % 3 != whole)
    cameras.send(150)
    seen = [index for index in cameras.decoded["wrist"] if index % 3 == whole]
    assert seen == list(range(whole, 150, 3))
    fresh = {finding.source for finding in cameras.engine.findings if finding.name == "camera_fresh"}
    assert fresh == set(CAMERAS)


def test_a_damaged_frame_that_is_never_looked_at_counts_as_used() -> None:
    cameras = Cameras(lambda camera, index: index == 100)
    cameras.send(150)
    statistics = cameras.engine.statistics(cameras.stamp_ns(149))["front"]
    assert (statistics.received, statistics.used) == (150, 150)


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        (lambda index: np.zeros((24, 32), np.uint8), "camera_black"),
        (lambda index: np.full((24, 32), 255, np.uint8), "camera_overexposed"),
        (lambda index: np.full((24, 32), 100, np.uint8), "camera_blocked"),
        (lambda index: thumbnail(0.0), "camera_frozen"),
    ],
)
def test_a_camera_that_shows_nothing_is_found_as_soon_as_if_every_frame_were_looked_at(
    shown: Callable[[int], NDArray[np.uint8]], name: str
) -> None:
    def found_s(rate_hz: float) -> float:
        spoilt = Cameras(
            shown=lambda index: shown(index) if index >= 5 * rate_hz else thumbnail(index / rate_hz / 10),
            rate_hz=rate_hz,
        )
        spoilt.send(round(20 * rate_hz))
        return spoilt.found[name, "wrist"] / rate_hz

    assert found_s(30.0) == pytest.approx(found_s(10.0), abs=0.11)


def test_the_first_frames_of_an_episode_are_looked_at() -> None:
    cameras = Cameras()
    cameras.send(61)
    cameras.engine.end_episode(cameras.stamp_ns(60))
    cameras.engine.start_episode("two", "push the button", cameras.stamp_ns(60) + 1)
    for camera in CAMERAS:
        cameras.engine.add_frame(cameras._frame(camera, 61), cameras.stamp_ns(61))
    evidence = cameras.engine.evidence(cameras.stamp_ns(61))
    assert evidence is not None
    assert evidence.now_ns == cameras.stamp_ns(61)
