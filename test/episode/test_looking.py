from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.looking import LEAST_GAP_NS, Looking
from vlm_judge_ros.episode.stamps import nanoseconds

START = 1_700_000_000 * 1_000_000_000


def looked_at(frames: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """Show frames to one `Looking`; the stamps of those that it looks at, by camera."""
    looking = Looking()
    seen: dict[str, list[int]] = {}
    for camera, stamp_ns in frames:
        if looking.is_due(camera, stamp_ns):
            looking.look(camera, stamp_ns)
            seen.setdefault(camera, []).append(stamp_ns)
    return seen


def stamps(rate_hz: float, seconds: float = 10.0, offset_s: float = 0.0) -> list[int]:
    return [START + nanoseconds(offset_s + index / rate_hz) for index in range(round(seconds * rate_hz))]


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 5.0, 10.0, 13.0])
def test_every_frame_of_a_slow_camera_is_looked_at(rate_hz: float) -> None:
    sent = stamps(rate_hz, 30.0)
    assert looked_at(("front", stamp_ns) for stamp_ns in sent)["front"] == sent


@pytest.mark.parametrize(("rate_hz", "every"), [(15.0, 2), (25.0, 2), (30.0, 3), (60.0, 5), (90.0, 7)])
def test_of_a_fast_camera_about_ten_frames_a_second_are_looked_at(rate_hz: float, every: int) -> None:
    sent = stamps(rate_hz)
    assert looked_at(("front", stamp_ns) for stamp_ns in sent)["front"] == sent[::every]


@given(st.lists(st.integers(-12, 12), min_size=300, max_size=300))
def test_every_frame_of_a_camera_at_10_hz_is_looked_at_in_spite_of_jitter(jitter_ms: list[int]) -> None:
    sent = [START + index * 100_000_000 + late * 1_000_000 for index, late in enumerate(jitter_ms)]
    assert looked_at(("front", stamp_ns) for stamp_ns in sent)["front"] == sent


@given(st.sets(st.tuples(st.sampled_from(["front", "wrist"]), st.integers(0, 269)), max_size=60))
def test_cameras_in_step_are_looked_at_in_the_same_moments_also_after_lost_frames(lost: set[tuple[str, int]]) -> None:
    sent = stamps(30.0)
    frames = [
        (camera, stamp_ns)
        for index, stamp_ns in enumerate(sent)
        for camera in ("front", "wrist")
        if (camera, index) not in lost
    ]
    seen = looked_at(frames)
    of_front, of_wrist = ([ns for ns in seen[camera] if ns >= sent[275]] for camera in ("front", "wrist"))
    assert of_front == of_wrist


@given(st.lists(st.tuples(st.sampled_from(["front", "wrist", "rear"]), st.integers(1, 60)), max_size=400))
def test_no_camera_goes_unseen_for_longer_than_the_gap_and_one_frame(steps: list[tuple[str, int]]) -> None:
    now_ns, frames = START, []
    for camera, step_ms in steps:
        now_ns += step_ms * 1_000_000
        frames.append((camera, now_ns))
    seen = looked_at(frames)
    for camera in {camera for camera, _ in frames}:
        newest_ns = seen[camera][0]
        for stamp_ns in (ns for name, ns in frames if name == camera):
            newest_ns = stamp_ns if stamp_ns in seen[camera] else newest_ns
            assert stamp_ns - newest_ns < LEAST_GAP_NS


def test_after_a_damaged_frame_the_next_whole_one_is_looked_at_and_the_turns_stay_as_they_were() -> None:
    looking = Looking()
    seen = []
    for index, stamp_ns in enumerate(stamps(30.0, 1.0)):
        if looking.is_due("front", stamp_ns):
            whole = index not in (6, 7)
            looking.look("front", stamp_ns, whole)
            seen.append((index, whole))
    assert seen[:6] == [(0, True), (3, True), (6, False), (7, False), (8, True), (9, True)]


def test_the_first_frames_after_something_began_are_looked_at() -> None:
    looking = Looking()
    looking.look("front", START)
    assert not looking.is_due("front", START + 30_000_000)
    looking.look_at_next()
    assert looking.is_due("front", START + 30_000_000)
    looking.look("front", START + 30_000_000)
    assert not looking.is_due("front", START + 60_000_000)
    assert looking.is_due("front", START + 100_000_000)
