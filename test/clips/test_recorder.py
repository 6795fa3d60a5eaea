from __future__ import annotations

from itertools import pairwise

import pytest
from clips.material import FRONT, HEIGHT, LATCHED, START_NS, TASK, at, event
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.clips.buffer import Buffer
from vlm_judge_ros.clips.entry import Entry
from vlm_judge_ros.clips.rate import Rate
from vlm_judge_ros.clips.recorder import Clip, ClipSettings, Recorder, clip_name
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.verdict.failure import FailureStatus

SETTINGS = ClipSettings(before_s=5.0, after_s=2.0, buffer_bytes=10_000)


class Recording:
    def __init__(self, settings: ClipSettings = SETTINGS) -> None:
        self.clips: list[Clip] = []
        self.recorder = Recorder(settings, self.clips.append, TASK, lambda: START_NS)

    def run(self, from_s: float, to_s: float, size_bytes: int = 1) -> None:
        """Ten messages a second."""
        for tenth in range(round(from_s * 10), round(to_s * 10)):
            self.recorder.add(HEIGHT, at(tenth / 10), tenth / 10, size_bytes)
            self.recorder.tick(at(tenth / 10))


def seconds(clip: Clip) -> tuple[float, float]:
    return (clip.entries[0].message, clip.entries[-1].message)


def test_a_clip_spans_the_seconds_before_and_after_a_confirmed_failure() -> None:
    recording = Recording()
    recording.run(0, 10)
    name = recording.recorder.confirm(event(), "push the button", at(10))
    recording.run(10, 12)
    assert not recording.clips and recording.recorder.open_name == name
    recording.run(12, 13)
    (clip,) = recording.clips
    assert clip.name == name == "20231114T221320-000Z_one_COLLISION"
    assert seconds(clip) == (5.0, 12.0)
    assert (clip.record.begin_ns, clip.record.end_ns) == (at(5), at(12))
    assert (clip.record.episode_id, clip.record.task, clip.record.model) == ("one", "push the button", "scripted")
    assert [(failure.code, failure.onset_ns) for failure in clip.record.failures] == [("COLLISION", at(9.5))]


def test_a_failure_that_is_only_seen_has_no_clip() -> None:
    recording = Recording()
    recording.run(0, 1)
    assert recording.recorder.confirm(event(status=FailureStatus.FAILED), "push", at(1)) == ""
    assert recording.recorder.open_name == ""


def test_all_events_of_a_failure_name_the_same_clip() -> None:
    recording = Recording()
    name = recording.recorder.confirm(event(), "push", at(10))
    recording.run(10, 13)
    for status in (FailureStatus.CONFIRMED, FailureStatus.HEALED, FailureStatus.CLEARED):
        assert recording.recorder.confirm(event(status=status), "push", at(13)) == name
    recording.recorder.close()
    assert len(recording.clips) == 1


def test_failures_close_together_share_a_clip_which_they_extend() -> None:
    recording = Recording()
    recording.run(0, 10)
    first = recording.recorder.confirm(event(), "push", at(10))
    recording.run(10, 11)
    assert recording.recorder.confirm(event(2, FailureMode.STALL, time_s=11), "push", at(11)) == first
    recording.run(11, 14)
    (clip,) = recording.clips
    assert seconds(clip) == (5.0, 13.0)
    assert [failure.code for failure in clip.record.failures] == ["COLLISION", "STALL"]


def test_a_chain_of_failures_ends_a_clip_after_a_minute_and_begins_the_next() -> None:
    recording = Recording(ClipSettings(5.0, 2.0, 10**9))
    for second in range(100):
        recording.run(second, second + 1)
        recording.recorder.confirm(event(second + 1, time_s=second), "push", at(second + 0.95))
    recording.recorder.close()
    assert [seconds(clip)[1] for clip in recording.clips] == pytest.approx([60.9, 99.9], abs=0.3)
    assert sum(len(clip.record.failures) for clip in recording.clips) == 100


def test_failures_further_apart_follow_each_other_and_share_what_was_between() -> None:
    recording = Recording()
    recording.run(0, 10)
    recording.recorder.confirm(event(), "push", at(10))
    recording.run(10, 14)
    recording.recorder.confirm(event(2, time_s=14), "push", at(14))
    recording.run(14, 17)
    assert [seconds(clip) for clip in recording.clips] == [(5.0, 12.0), (9.0, 16.0)]


def test_a_clip_ends_when_its_time_is_over_though_nothing_comes() -> None:
    recording = Recording()
    recording.run(0, 10)
    recording.recorder.confirm(event(), "push", at(10))
    recording.recorder.tick(at(12.01))
    assert len(recording.clips) == 1


def test_of_large_messages_the_newest_before_a_failure_are_kept_and_room_is_left_for_what_follows() -> None:
    recording = Recording()
    recording.run(0, 10, size_bytes=500)
    recording.recorder.confirm(event(), "push", at(10))
    recording.run(10, 13, size_bytes=500)
    (clip,) = recording.clips
    assert sum(entry.size_bytes for entry in clip.entries) <= SETTINGS.buffer_bytes
    assert seconds(clip) == (9.0, 10.9)


def test_what_was_latched_before_the_clip_is_told_at_its_beginning() -> None:
    recording = Recording()
    for time_s, text in ((0.0, "old"), (1.0, "new")):
        recording.recorder.add(LATCHED, at(time_s), text, 10)
    recording.run(1.1, 10)
    recording.recorder.confirm(event(), "push", at(10))
    recording.recorder.close()
    assert [entry.message for entry in recording.clips[0].latched] == ["push", "new"]


def test_a_clock_that_goes_back_ends_the_clip_and_forgets_what_was() -> None:
    recording = Recording()
    recording.run(0, 10)
    recording.recorder.confirm(event(), "push", at(10))
    recording.run(2, 3)
    recording.recorder.confirm(event(2, time_s=3), "push", at(3))
    recording.recorder.close()
    assert [seconds(clip) for clip in recording.clips] == [(5.0, 9.9), (2.0, 2.9)]


def test_messages_of_one_moment_stay_in_the_order_in_which_they_came() -> None:
    recording = Recording()
    recording.run(0, 1)
    recording.recorder.add(FRONT, at(0.5), "late", 1)
    recording.recorder.confirm(event(time_s=1), "push", at(1))
    recording.recorder.close()
    times = [entry.time_ns for entry in recording.clips[0].entries]
    assert times == sorted(times) and recording.clips[0].entries[-1].message == "late"


@pytest.mark.parametrize("episode_id", ["../../etc/passwd", "a/b", "", "..", "x" * 500, "ü\n\0 ~$(rm)"])
def test_a_name_stays_one_plain_folder_whatever_the_episode_is_called(episode_id: str) -> None:
    name = clip_name(START_NS + 7_000_000, episode_id, "FALL")
    assert name.startswith("20231114T221320-007Z_") and name.endswith("_FALL")
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    assert len(name) < 120


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 400), st.booleans()), max_size=60))
def test_a_buffer_never_holds_more_than_its_seconds_and_bytes(steps: list[tuple[int, int, bool]]) -> None:
    buffer = Buffer(4.0, 1000)
    time_ns, newest_latched = 0, -1
    for index, (step_ms, size_bytes, latched) in enumerate(steps):
        time_ns += step_ms * 10**6
        newest_latched = index if latched else newest_latched
        buffer.add(Entry(time_ns, LATCHED if latched else HEIGHT, index, size_bytes))
        held = buffer.entries
        assert sum(entry.size_bytes for entry in held) == buffer.held_bytes <= 1000
        assert all(entry.time_ns >= time_ns - 4 * 10**9 for entry in held)
        known = [entry.message for entry in (*buffer.latched, *held) if entry.channel is LATCHED]
        assert newest_latched < 0 or known[-1] == newest_latched


@given(st.lists(st.integers(0, 50), min_size=2, max_size=200), st.sampled_from([5.0, 30.0, 100.0]))
def test_a_rate_lets_the_first_through_and_never_more_than_its_share(steps_ms: list[int], rate_hz: float) -> None:
    rate, time_ms, passed = Rate(rate_hz), 0, []
    for index, step_ms in enumerate(steps_ms):
        time_ms += step_ms
        if rate.passes("a", time_ms * 10**6):
            passed.append(time_ms)
        else:
            assert index > 0 and time_ms - passed[-1] < 1000 / rate_hz
    length_s = (passed[-1] - passed[0]) * 1e-3
    assert len(passed) <= length_s * rate_hz + 2
    assert all(later >= earlier for earlier, later in pairwise(passed))


def test_a_rate_halves_what_comes_twice_as_fast_and_streams_do_not_disturb_each_other() -> None:
    rate = Rate(100.0)
    kept = [
        stream
        for millisecond in range(1000)
        for stream in ("arm", "hand")
        if rate.passes(stream, START_NS + millisecond * 10**6)
    ]
    assert kept.count("arm") == kept.count("hand") == 100
