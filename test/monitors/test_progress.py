from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.progress import ProgressTrend, TrendLimits

SECOND = 1_000_000_000


def trend_of(*progress: float, period_s: float = 1.0) -> ProgressTrend:
    trend = ProgressTrend()
    for index, value in enumerate(progress):
        trend.add(round((index + 1) * period_s * SECOND), value)
    return trend


def names(trend: ProgressTrend) -> list[str]:
    return [finding.name for finding in trend.findings()]


def test_before_the_first_answer_there_is_no_trend() -> None:
    assert names(ProgressTrend()) == []
    assert names(trend_of(math.nan)) == []


def test_a_rising_curve_is_neither_stalled_nor_lost() -> None:
    assert names(trend_of(*[index / 30 for index in range(30)])) == ["progress_trend"]


def test_a_slow_rise_counts_once_it_adds_up() -> None:
    assert names(trend_of(*[0.01 * index for index in range(40)])) == ["progress_trend"]


def test_a_flat_curve_is_stalled_after_the_limit_in_seconds_whatever_the_rate() -> None:
    assert names(trend_of(*[0.5] * 9)) == ["progress_stalled"]
    assert names(trend_of(*[0.5] * 9, period_s=0.5)) == ["progress_trend"]
    assert names(trend_of(*[0.5] * 17, period_s=0.5)) == ["progress_stalled"]


def test_a_finished_task_does_not_stall() -> None:
    assert names(trend_of(*[0.98] * 30)) == ["progress_trend"]


def test_the_onset_of_a_stall_is_the_last_rise() -> None:
    (finding,) = trend_of(0.1, 0.3, 0.5, *[0.5] * 9).findings()
    assert finding.onset_ns == 3 * SECOND


def test_progress_that_falls_and_stays_down_is_lost_then_stalled() -> None:
    fallen = [0.2, 0.5, 0.7, 0.3, 0.3, 0.3]
    assert names(trend_of(*fallen)) == ["progress_lost"]
    assert names(trend_of(*fallen, *[0.3] * 8)) == ["progress_stalled"]


def test_one_low_answer_is_no_loss() -> None:
    assert names(trend_of(0.2, 0.5, 0.7, 0.3, 0.7)) == ["progress_trend"]


def test_rising_again_after_a_loss_is_progress() -> None:
    assert names(trend_of(0.2, 0.5, 0.7, 0.3, 0.3, 0.4)) == ["progress_trend"]


@given(st.lists(st.floats(0.0, 1.0) | st.just(math.nan), max_size=60))
def test_a_trend_never_says_two_opposite_things(progress: list[float]) -> None:
    found = names(trend_of(*progress))
    assert len(found) <= 1 or found == ["progress_lost", "progress_stalled"]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40), st.data())
def test_answers_that_come_twice_or_late_change_nothing(progress: list[float], data: st.DataObject) -> None:
    once, again = trend_of(*progress), trend_of(*progress)
    late = data.draw(st.integers(1, len(progress)))
    again.add(late * SECOND, data.draw(st.floats(0.0, 1.0)))
    assert names(once) == names(again)
    assert once.last_rise_ns == again.last_rise_ns


@pytest.mark.parametrize("wrong", [{"stall_s": 0.0}, {"stall_progress": 2.0}, {"regress_s": -1.0}])
def test_limits_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(JudgeError, match=next(iter(wrong))):
        TrendLimits(**wrong)
