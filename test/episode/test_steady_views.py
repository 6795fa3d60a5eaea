"""Frames that stay the same from one question to the next."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.keyframes import BufferLimits, KeyframeBuffer
from vlm_judge_ros.episode.steady_views import SteadyViews

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
STILL = np.full((24, 32), 60, np.uint8)


class Sized:
    size_bytes = 1000
    form = "32x24 mono8"

    def rgb(self) -> NDArray[np.uint8]:
        return np.zeros((24, 32, 3), np.uint8)


class Watch:
    """Cameras and the choice of their frames."""

    def __init__(self, count: int, cameras: tuple[str, ...] = ("front", "wrist")) -> None:
        self.buffers = {camera: KeyframeBuffer(START, BufferLimits(spread_frames=16)) for camera in cameras}
        self.steady = SteadyViews(count)

    def see(self, camera: str, stamp_ns: int) -> None:
        self.buffers[camera].add(Frame(camera, stamp_ns, Sized(), STILL))
        self.steady.update(self.buffers)

    def views(self) -> dict[str, tuple[Keyframe, ...]]:
        return self.steady.views(self.buffers)


def stamps(keyframes: tuple[Keyframe, ...]) -> list[int]:
    return [key.frame.stamp_ns for key in keyframes]


def test_most_choices_of_a_minute_share_all_but_the_newest_frames() -> None:
    watch = Watch(8)
    chosen = []
    for index in range(601):
        for camera in watch.buffers:
            watch.see(camera, START + index * SECOND // 10)
        if index and index % 10 == 0:
            chosen.append(watch.views())
    assert {len(keyframes) for views in chosen for keyframes in views.values()} == {8}
    unchanged = [
        all(stamps(before[camera])[:-1] == stamps(after[camera])[:-1] for camera in before)
        for before, after in pairwise(chosen)
    ]
    assert sum(unchanged) / len(unchanged) > 0.7


def test_of_the_frames_chosen_before_many_stay_when_the_choice_changes() -> None:
    watch = Watch(8, ("front",))
    kept = []
    before: set[int] = set()
    for index in range(601):
        watch.see("front", START + index * SECOND // 10)
        after = set(stamps(watch.views()["front"])[:-1])
        if index > 20 and after != before:
            kept.append(len(after & before))
        before = after
    assert len(kept) > 10
    assert sum(kept) / len(kept) > 4


def test_the_frames_stay_spread_over_the_episode() -> None:
    watch = Watch(8, ("front",))
    for index in range(6001):
        watch.see("front", START + index * SECOND // 10)
        if index < 100:
            continue
        times_s = [(stamp - START) / SECOND for stamp in stamps(watch.views()["front"])]
        gaps_s = [after - before for before, after in pairwise(times_s)]
        assert max(gaps_s) < 0.45 * times_s[-1]
        assert min(gaps_s) > 0.03 * times_s[-1]


rising = st.lists(st.integers(1, 20 * SECOND) | st.integers(1, SECOND // 5), min_size=1, max_size=200).map(
    lambda gaps: [START + sum(gaps[: index + 1]) for index in range(len(gaps))]
)


@given(rising, rising, st.integers(2, 10))
def test_any_choice_is_in_order_from_the_first_to_the_newest_and_within_the_count(
    front: list[int], wrist: list[int], count: int
) -> None:
    watch = Watch(count)
    seen: dict[str, list[int]] = {"front": [], "wrist": []}
    for stamp, camera in sorted([(stamp, "front") for stamp in front] + [(stamp, "wrist") for stamp in wrist]):
        watch.see(camera, stamp)
        seen[camera].append(stamp)
        for name, keyframes in watch.views().items():
            times = stamps(keyframes)
            assert times == sorted(set(times))
            assert len(times) <= count
            assert times[-1] == seen[name][-1]
            assert keyframes[-1].role is FrameRole.NEWEST
            if all(seen.values()):
                assert times[0] == seen[name][0]
    assert set(watch.views()) == {"front", "wrist"}


def test_cameras_of_one_moment_may_come_in_any_order() -> None:
    one, other = Watch(6), Watch(6)
    for index in range(300):
        for camera in ("front", "wrist"):
            one.see(camera, START + index * SECOND // 10)
        for camera in ("wrist", "front"):
            other.see(camera, START + index * SECOND // 10)
        assert {name: stamps(keys) for name, keys in one.views().items()} == {
            name: stamps(keys) for name, keys in other.views().items()
        }


def test_a_camera_without_frames_is_left_out() -> None:
    watch = Watch(4)
    watch.see("wrist", START)
    assert {name: stamps(keys) for name, keys in watch.views().items()} == {"wrist": [START]}
