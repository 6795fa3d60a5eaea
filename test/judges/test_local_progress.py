"""Progress from the moments of the references around one share of the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_judge_ros.judges.local_progress import local_progress, way_back

SHARES = np.linspace(0.0, 1.0, 41)
WAY = np.array([3.0, -2.0, 1.0])


def moments(seed: int = 0, noise: float = 0.05) -> np.ndarray:
    """References that go straight along a way, each beside it by a little."""
    return SHARES[:, None] * WAY + np.random.default_rng(seed).normal(0.0, noise, (len(SHARES), 3))


@pytest.mark.parametrize("share", [0.3, 0.42, 0.5, 0.61])
def test_a_moment_between_others_lies_where_it_is_on_the_way(share: float) -> None:
    told = local_progress(share * WAY, moments(), SHARES, 0.45)
    # The penalty draws it towards the middle of the window.
    assert told == pytest.approx(share, abs=0.06)


def test_of_two_moments_nearer_than_positions_lie_the_further_one_is_told_as_such() -> None:
    told = [local_progress((0.5 + step) * WAY, moments(), SHARES, 0.5) for step in np.linspace(-0.012, 0.012, 7)]
    assert np.all(np.diff(told) > 0)


def test_what_does_not_change_along_the_way_does_not_count() -> None:
    aside = np.cross(WAY, [1.0, 0.0, 0.0])
    spread = moments() + np.random.default_rng(1).normal(0.0, 0.5, (len(SHARES), 1)) * aside
    straight, beside = (local_progress(point, spread, SHARES, 0.5) for point in (0.6 * WAY, 0.6 * WAY + 0.3 * aside))
    assert straight == pytest.approx(beside, abs=0.05)


@settings(deadline=None)
@given(
    point=st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3),
    around=st.floats(0.0, 1.0),
)
def test_it_stays_within_the_window_and_the_way(point: list[float], around: float) -> None:
    told = local_progress(np.array(point), moments(), SHARES, around)
    assert 0.0 <= told <= 1.0
    assert abs(told - around) <= 0.25 + 1e-9


def test_without_moments_nearby_it_is_what_was_believed() -> None:
    assert local_progress(WAY, moments()[:3], SHARES[:3], 0.9) == 0.9


def test_moments_that_all_look_alike_tell_their_middle() -> None:
    assert local_progress(WAY, np.zeros((41, 3)), SHARES, 0.5) == pytest.approx(0.5)


@given(st.floats(0.0, 100.0), st.floats(1e-3, 10.0))
def test_only_unusual_distance_costs_and_more_of_it_never_less(distance: float, usual: float) -> None:
    assert way_back(min(distance, usual), usual) == 0.0
    assert way_back(distance, usual) <= way_back(distance + 1.0, usual)
