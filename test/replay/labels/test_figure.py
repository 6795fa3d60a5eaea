from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from vlm_judge_ros.replay.labels.figure import NOBODY, Figure, figure_of_share, figure_over_rows, wilson_interval

HITS = st.lists(st.booleans(), min_size=1, max_size=60)


@given(HITS)
def test_the_interval_of_a_share_is_that_of_scipy(hits: list[bool]) -> None:
    right = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    found = figure_of_share(hits)
    assert found.value == pytest.approx(sum(hits) / len(hits))
    assert (found.low, found.high) == (pytest.approx(right.low, abs=1e-12), pytest.approx(right.high, abs=1e-12))
    assert found.n == len(hits)


def test_five_of_five_are_not_certain() -> None:
    found = figure_of_share([True] * 5)
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(0.5655, abs=1e-4)
    assert figure_of_share([False] * 5).low == 0.0
    assert figure_of_share([True]).low == pytest.approx(0.2065, abs=1e-4)


def test_a_share_of_nothing_has_no_value_and_says_why() -> None:
    assert figure_of_share([]) == Figure(None, None, None, 0, NOBODY)
    assert figure_of_share([], undefined="nothing failed").reason == "nothing failed"
    assert wilson_interval(0, 0) == (0.0, 1.0)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=30))
def test_rows_of_the_same_episodes_never_have_a_narrower_interval_than_as_many_episodes(
    rows: list[tuple[bool, int]],
) -> None:
    hits, episodes = [hit for hit, _ in rows], [episode for _, episode in rows]
    found, apart = figure_of_share(hits, episodes), figure_of_share(hits)
    assert found.n == len(set(episodes))
    assert found.value == apart.value
    if found.low is None or found.high is None:
        assert found.reason
        return
    assert apart.low is not None and apart.high is not None
    assert found.low <= apart.low and apart.high <= found.high


def test_rows_that_all_say_the_same_count_as_their_episodes() -> None:
    rows = figure_of_share([True] * 40, [row // 10 for row in range(40)])
    four = figure_of_share([True] * 4)
    assert (rows.value, rows.low, rows.high, rows.n) == (four.value, four.low, four.high, four.n)
    assert figure_of_share([True, True], [7, 7]).reason == "one episode gives no interval"


def test_rows_that_hang_together_have_the_interval_of_their_episodes() -> None:
    chance = np.random.default_rng(1)
    told = chance.random(50) < 0.6
    rows = figure_of_share(np.repeat(told, 20), list(np.repeat(np.arange(50), 20)))
    episodes = figure_of_share(told)
    assert rows.low is not None and rows.high is not None and episodes.low is not None and episodes.high is not None
    assert rows.high - rows.low == pytest.approx(episodes.high - episodes.low, rel=0.15)


def test_a_figure_over_rows_draws_whole_episodes() -> None:
    values = np.array([1.0, 1.0, 0.0, 0.0])
    found = figure_over_rows(lambda counts: counts @ values / counts.sum(axis=1), [3, 3, 8, 8])
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.0, 1.0, 2)
