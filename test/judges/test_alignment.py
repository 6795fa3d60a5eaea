"""The filter over positions, whatever it is shown."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_judge_ros.judges.alignment import Floats, follow

POSITIONS = 20
WAY = np.linspace(0.0, 1.0, POSITIONS)
LENGTH_S = 10.0


def progress(shares: list[float], moved: list[bool] | None = None, gap_s: float = 1.0, references: int = 2) -> Floats:
    """Progress at each look where the true share of the way shows clearly."""
    squares = np.tile(((np.array(shares)[:, None] - WAY[None, :]) / 0.05)[:, None, :] ** 2, (1, references, 1))
    beliefs = follow(
        squares,
        [gap_s] * len(shares),
        moved or [True] * len(shares),
        np.tile(WAY, (references, 1)),
        np.full(references, LENGTH_S),
        1.0,
    )
    return np.array([belief.progress for belief in beliefs])


@settings(max_examples=40, deadline=None)
@given(
    looks=st.lists(st.lists(st.floats(0.0, 1e6), min_size=POSITIONS, max_size=POSITIONS), min_size=1, max_size=8),
    gap_s=st.floats(0.0, 1e4),
    noise=st.floats(0.01, 100.0),
)
def test_progress_lies_between_0_and_1_and_in_its_interval(
    looks: list[list[float]], gap_s: float, noise: float
) -> None:
    squares = np.array(looks)[:, None, :]
    gaps_s, moved = [gap_s] * len(looks), [True] * len(looks)
    for belief in follow(squares, gaps_s, moved, WAY[None, :], np.array([LENGTH_S]), noise):
        assert 0.0 <= belief.low <= belief.progress <= belief.high <= 1.0
        assert abs(belief.weights.sum() - 1.0) < 1e-9


@settings(max_examples=30, deadline=None)
@given(shares=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=10), cut=st.integers(1, 9))
def test_what_is_said_of_a_moment_does_not_depend_on_later_ones(shares: list[float], cut: int) -> None:
    assert np.array_equal(progress(shares)[:cut], progress(shares[:cut]))


def test_looks_without_news_change_nothing() -> None:
    said = progress([0.0, 0.3, 0.3, 0.3, 0.3], [True, True, False, False, False])
    assert len(set(said[1:])) == 1


def test_progress_follows_an_episode_at_any_speed() -> None:
    for duration in (6, 10, 30):
        said = progress(np.linspace(0.0, 1.0, duration).tolist())
        assert np.all(np.diff(said) > -0.01)
        assert said[-1] > 0.9


def test_progress_falls_when_the_task_is_undone() -> None:
    said = progress([0.0, 0.2, 0.4, 0.6, 0.8, 0.6, 0.4, 0.2])
    assert said[4] > 0.7
    assert said[-1] < 0.45


def test_progress_falls_in_a_reversed_episode() -> None:
    said = progress(np.linspace(1.0, 0.0, 11).tolist())
    assert said[1] > 0.8
    assert said[-1] < 0.1
