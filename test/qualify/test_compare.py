from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qualify.made_qualified import episode, many

from vlm_judge_ros.qualify.compare import compare
from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.meaning import MEANINGS
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.verdict.verdict import State

JUDGED = many(40)


def _duller(judged: QualifiedEpisode) -> QualifiedEpisode:
    answers = tuple(replace(each, success_probability=0.6 * each.success_probability) for each in judged.trace.answers)
    return replace(judged, trace=replace(judged.trace, answers=answers))


def test_a_judge_is_no_better_than_itself() -> None:
    found = compare(JUDGED, JUDGED[::-1])
    assert list(found) == list(MEANINGS)
    for name, row in found.items():
        assert row.first == row.second, name
        assert row.difference.value == 0.0, name
        assert row.difference.low is not None and row.difference.low <= 0.0 <= (row.difference.high or 0.0), name


def test_only_episodes_of_both_count() -> None:
    found = compare(JUDGED[:30], JUDGED[10:])
    assert found["success_brier"].first == figures(JUDGED[10:30])["success_brier"]
    assert found["success_brier"].difference.n == 20


def test_a_difference_and_its_interval_are_those_of_the_paired_differences() -> None:
    stats = pytest.importorskip("scipy.stats")
    duller = [_duller(each) for each in JUDGED]
    found = compare(JUDGED, duller)["success_brier"]
    one, two = (
        np.array([(each.trace.answers[-1].success_probability - bool(each.success)) ** 2 for each in episodes])
        for episodes in (JUDGED, duller)
    )
    assert found.difference.value == pytest.approx((one - two).mean())
    drawn = stats.bootstrap((one - two,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(0))
    width = drawn.confidence_interval.high - drawn.confidence_interval.low
    assert found.difference.low == pytest.approx(drawn.confidence_interval.low, abs=0.1 * width)
    assert found.difference.high == pytest.approx(drawn.confidence_interval.high, abs=0.1 * width)
    assert found.first.high is not None and found.first.low is not None
    alone = found.first.high - found.first.low
    assert (found.difference.high or 0.0) - (found.difference.low or 0.0) < 1.5 * alone


def test_the_other_way_round_it_is_the_other_way_round() -> None:
    duller = [_duller(each) for each in JUDGED]
    there, back = compare(JUDGED, duller), compare(duller, JUDGED)
    for name in there:
        one, two = there[name].difference, back[name].difference
        assert one.value is not None and two.value is not None and one.low is not None and two.high is not None
        assert (one.value, one.low) == pytest.approx((-two.value, -two.high), abs=1e-9), name


def test_two_judges_without_a_false_stop_are_not_proven_equal() -> None:
    good = [episode(f"s{index}", states=((0.0, State.PROGRESSING),)) for index in range(20)]
    found = compare(good, good)["false_stops_per_success"]
    assert found.difference.value == 0.0
    assert found.difference.high == pytest.approx(found.first.high)
    assert found.difference.low == pytest.approx(-(found.first.high or 0.0))


def test_what_one_judge_does_not_tell_is_not_compared() -> None:
    silent = [episode(each.key, success=each.success) for each in JUDGED]
    found = compare(JUDGED, silent)["success_auroc"].difference
    assert found.value is None and found.reason == "no last answer tells success probability"
    assert all(row.difference.value is None and row.difference.reason for row in compare(JUDGED, []).values())
