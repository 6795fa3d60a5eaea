from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from joints import EPISODE, START_NS, at, only

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.monitor import ProgressSample
from vlm_judge_ros.monitors.undone import Undone, UndoneMonitor

SPEC = Undone(kind="undone", name="undone")


def told(*progress: float, period_s: float = 1.0) -> UndoneMonitor:
    monitor = SPEC.make(EPISODE)
    for index, value in enumerate(progress):
        monitor.add_progress(ProgressSample(at(index * period_s), value))
    return monitor


def test_before_the_judge_answers_nothing_is_lost() -> None:
    assert only(told(), START_NS).effect is Effect.NEUTRAL
    assert only(told(math.nan), START_NS).effect is Effect.NEUTRAL


def test_progress_that_fell_and_stays_down_is_undone() -> None:
    monitor = told(0.2, 0.5, 0.8, 0.8, 0.3, 0.3, 0.3)
    found = only(monitor, at(6.0))
    assert monitor.alarm
    assert (found.effect, found.mode, found.onset_ns) == (Effect.FAILURE, FailureMode.UNDONE, at(4.0))
    assert found.value == 0.5


def test_it_counts_seconds_and_not_answers() -> None:
    assert not told(0.2, 0.8, 0.8, *[0.3] * 9, period_s=0.2).alarm
    assert told(0.2, 0.8, 0.8, *[0.3] * 11, period_s=0.2).alarm


def test_one_high_answer_alone_is_no_progress_that_could_be_lost() -> None:
    assert not told(0.2, 0.9, 0.2, 0.2, 0.2, 0.2).alarm


def test_one_low_answer_alone_is_no_loss() -> None:
    assert not told(0.7, 0.7, 0.2, 0.7, 0.2, 0.7).alarm


def test_what_is_done_again_is_no_longer_undone() -> None:
    assert not told(0.8, 0.8, 0.3, 0.3, 0.3, 0.7).alarm


def test_a_loss_below_the_share_is_none() -> None:
    assert not told(0.8, 0.8, *[0.6] * 10).alarm


@given(st.lists(st.floats(0.0, 1.0), max_size=60).map(sorted))
def test_progress_that_only_rises_is_never_undone(progress: list[float]) -> None:
    assert not told(*progress).alarm


@given(st.lists(st.tuples(st.integers(-5, 100), st.floats()), max_size=60))
def test_no_stamp_and_no_number_does_harm(samples: list[tuple[int, float]]) -> None:
    monitor = SPEC.make(EPISODE)
    for offset_s, progress in samples:
        monitor.add_progress(ProgressSample(at(offset_s), progress))
        assert len(monitor.findings(at(offset_s))) == 1
