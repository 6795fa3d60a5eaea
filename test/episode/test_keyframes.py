from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.keyframes import BufferLimits, KeyframeBuffer, select_views
from vlm_judge_ros.errors import JudgeError

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


class Sized:
    """An image of which only the size matters."""

    form = "32x24 mono8"

    def __init__(self, size_bytes: int = 1000) -> None:
        self.size_bytes = size_bytes

    def rgb(self) -> NDArray[np.uint8]:
        return np.zeros((24, 32, 3), np.uint8)


STILL = np.full((24, 32), 60, np.uint8)


def moving(phase: float) -> NDArray[np.uint8]:
    picture = STILL.copy()
    column = round(phase * 24) % 24
    picture[4:20, column : column + 8] = 220
    return picture


def frame(stamp_ns: int, shown: NDArray[np.uint8] = STILL, size_bytes: int = 1000, camera: str = "front") -> Frame:
    return Frame(camera, stamp_ns, Sized(size_bytes), shown)


def filled(stamps: list[int], limits: BufferLimits, size_bytes: int = 1000) -> KeyframeBuffer:
    buffer = KeyframeBuffer(START, limits)
    for index, stamp in enumerate(stamps):
        buffer.add(frame(stamp, moving(index / 7.0) if index // 20 % 2 else STILL, size_bytes))
    return buffer


@st.composite
def stamps(draw: st.DrawFn) -> list[int]:
    """Any rising stamps: regular, in bursts, with gaps of hours."""
    gaps = draw(st.lists(st.integers(1, 3600 * SECOND) | st.integers(1, SECOND // 5), min_size=1, max_size=300))
    return [START + sum(gaps[: index + 1]) for index in range(len(gaps))]


limits_of_any_size = st.builds(
    BufferLimits,
    spread_frames=st.integers(2, 12),
    transition_frames=st.integers(0, 6),
    size_bytes=st.integers(1, 30_000),
    spacing_s=st.sampled_from([0.01, 0.1, 1.0]),
)


@given(stamps(), limits_of_any_size, st.integers(1, 5000))
def test_the_first_and_the_newest_are_always_held_and_the_bounds_too(
    rising: list[int], limits: BufferLimits, size_bytes: int
) -> None:
    buffer = KeyframeBuffer(START, limits)
    for index, stamp in enumerate(rising):
        buffer.add(frame(stamp, moving(index / 5.0), size_bytes))
        kept = buffer.kept()
        assert kept[0].stamp_ns == rising[0]
        assert kept[-1].stamp_ns == stamp
        # Beside the bounded ones: the newest, and the frame that may become a peak.
        assert len(kept) <= limits.spread_frames + limits.transition_frames + 2
        assert buffer.size_bytes <= max(limits.size_bytes, 2 * size_bytes)


@given(
    st.sampled_from([1 / 30, 1 / 15, 0.1, 0.5]),
    st.integers(2, 1500),
    st.integers(4, 16),
    st.sampled_from([0.02, 0.1, 0.3]),
)
def test_frames_of_regular_input_lie_at_most_twice_the_ideal_gap_apart(
    period_s: float, count: int, capacity: int, spacing_s: float
) -> None:
    rising = [START + round(index * period_s * SECOND) for index in range(count)]
    buffer = filled(rising, BufferLimits(spread_frames=capacity, transition_frames=0, spacing_s=spacing_s))
    kept = [held.stamp_ns for held in buffer.kept()]
    ideal_s = (rising[-1] - rising[0]) / SECOND / (capacity - 1)
    widest_s = max(later - earlier for earlier, later in pairwise(kept)) / SECOND
    assert widest_s <= max(2.0 * ideal_s, spacing_s) + 2.0 * period_s


@given(stamps(), st.integers(2, 10), st.integers(0, 5))
def test_a_selection_is_in_order_without_duplicates_from_first_to_newest(
    rising: list[int], spread_count: int, transition_count: int
) -> None:
    buffer = filled(rising, BufferLimits())
    chosen = buffer.select(spread_count, transition_count)
    times = [key.frame.stamp_ns for key in chosen]
    assert times == sorted(set(times))
    assert times[-1] == rising[-1]
    assert chosen[-1].role is FrameRole.NEWEST
    if len(rising) > 1:
        assert times[0] == rising[0]
        assert chosen[0].role is FrameRole.FIRST
    assert sum(key.role is FrameRole.SPREAD for key in chosen) <= spread_count - 2
    assert sum(key.role is FrameRole.TRANSITION for key in chosen) <= transition_count


@given(stamps(), limits_of_any_size)
def test_the_same_frames_are_kept_every_time(rising: list[int], limits: BufferLimits) -> None:
    once, again = filled(rising, limits), filled(rising, limits)
    assert [held.stamp_ns for held in once.kept()] == [held.stamp_ns for held in again.kept()]
    assert roles(once.select(6, 3)) == roles(again.select(6, 3))


def roles(chosen: tuple[Keyframe, ...]) -> list[tuple[int, FrameRole]]:
    return [(key.frame.stamp_ns, key.role) for key in chosen]


def test_a_selection_is_spread_evenly_over_a_long_episode() -> None:
    rising = [START + index * SECOND // 10 for index in range(18_000)]
    chosen = filled(rising, BufferLimits()).select(8, 0)
    gaps_s = [(after.frame.stamp_ns - before.frame.stamp_ns) / SECOND for before, after in pairwise(chosen)]
    assert len(chosen) == 8
    assert max(gaps_s) < 1.5 * 1800 / 7
    assert min(gaps_s) > 0.5 * 1800 / 7


def test_frames_where_motion_starts_and_stops_are_kept_and_chosen() -> None:
    buffer = KeyframeBuffer(START)
    for index in range(600):
        time_s = index / 10
        buffer.add(frame(START + index * SECOND // 10, moving(time_s) if 20 <= time_s < 24 else STILL))
    times_s = [(key.frame.stamp_ns - START) / SECOND for key in buffer.select(2, 8)]
    assert [key.role for key in buffer.select(2, 8)].count(FrameRole.TRANSITION) == len(times_s) - 2
    assert any(abs(time_s - 20.0) <= 0.3 for time_s in times_s)
    assert any(abs(time_s - 24.0) <= 0.6 for time_s in times_s)


def test_a_still_scene_has_no_transitions() -> None:
    buffer = KeyframeBuffer(START)
    generator = np.random.default_rng(0)
    for index in range(300):
        noise = generator.integers(-1, 2, STILL.shape)
        buffer.add(frame(START + index * SECOND // 10, (STILL + noise).astype(np.uint8)))
    assert all(key.role is not FrameRole.TRANSITION for key in buffer.select(4, 4))


def test_the_frames_shortly_before_the_newest_are_chosen_too_however_long_the_episode() -> None:
    rising = [START + index * SECOND // 10 for index in range(6_003)]
    chosen = filled(rising, BufferLimits(recent_frames=4, recent_spacing_s=0.5)).select(8, 0)
    ages_s = [(rising[-1] - key.frame.stamp_ns) / SECOND for key in chosen if key.role is FrameRole.RECENT]
    assert ages_s == pytest.approx([1.7, 1.2, 0.7, 0.2])
    assert len(chosen) == 8 + 4


def test_synchronous_cameras_show_the_same_recent_moments() -> None:
    limits = BufferLimits(recent_frames=6)
    buffers = {"front": KeyframeBuffer(START, limits), "wrist": KeyframeBuffer(START, limits)}
    for index in range(400):
        for camera, buffer in buffers.items():
            buffer.add(frame(START + index * SECOND // 15, camera=camera))
    views = select_views(buffers, 6, 0)
    assert roles(views["front"]) == roles(views["wrist"])
    assert [key.role for key in views["front"]].count(FrameRole.RECENT) == 6


def test_synchronous_cameras_are_shown_at_the_same_moments_even_with_different_room() -> None:
    roomy, tight = BufferLimits(), BufferLimits(size_bytes=60_000)
    buffers = {"front": KeyframeBuffer(START, tight), "wrist": KeyframeBuffer(START, roomy)}
    for index in range(1000):
        for camera, buffer in buffers.items():
            buffer.add(frame(START + index * SECOND // 10, size_bytes=3000, camera=camera))
    views = select_views(buffers, 6, 0)
    assert roles(views["front"]) == roles(views["wrist"])
    assert len(views["front"]) == 6


def test_a_camera_without_frames_is_left_out_of_the_views() -> None:
    buffers = {"front": KeyframeBuffer(START), "wrist": KeyframeBuffer(START)}
    buffers["wrist"].add(frame(START, camera="wrist"))
    views = select_views(buffers, 6, 2)
    assert list(views) == ["wrist"]
    assert [key.role for key in views["wrist"]] == [FrameRole.NEWEST]


@pytest.mark.parametrize(
    "wrong", [{"spread_frames": 1}, {"transition_frames": -1}, {"size_bytes": 0}, {"recent_frames": -1}]
)
def test_bounds_that_hold_nothing_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(JudgeError, match=next(iter(wrong))):
        BufferLimits(**wrong)
