"""Isotonic regression against scikit-learn, and what it always holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from vlm_judge_ros.qualify.isotonic import fit_isotonic

points = st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 10), st.integers(1, 5)), min_size=1, max_size=30).map(
    lambda rows: np.array(rows, dtype=np.float64).T * np.array([[0.25], [0.1], [1.0]])
)


@settings(max_examples=40, deadline=None)
@given(points)
def test_it_is_that_of_scikit_learn(rows: np.ndarray) -> None:
    scores, targets, weights = rows
    reference = IsotonicRegression(out_of_bounds="clip").fit(scores, targets, sample_weight=weights)
    asked = np.linspace(-6.0, 6.0, 97)
    mapping = fit_isotonic(scores, targets, weights)
    assert [mapping.value_of(score) for score in asked] == pytest.approx(reference.predict(asked).tolist(), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(points, st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_does_not_matter(rows: np.ndarray, random: object) -> None:
    order = list(range(rows.shape[1]))
    random.shuffle(order)  # type: ignore[attr-defined]
    one, other = fit_isotonic(*rows), fit_isotonic(*rows[:, order])
    assert one.scores == other.scores
    assert one.values == pytest.approx(other.values, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(points)
def test_it_never_falls_and_stays_a_share(rows: np.ndarray) -> None:
    values = [fit_isotonic(*rows).value_of(score) for score in np.linspace(-9.0, 9.0, 50)]
    assert all(0.0 <= value <= 1.0 for value in values)
    assert values == sorted(values)


def test_what_falls_is_pooled() -> None:
    mapping = fit_isotonic(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.8, 0.4, 1.0]), np.ones(4))
    assert mapping.scores == (0.0, 1.0, 2.0, 3.0)
    assert mapping.values == pytest.approx((0.0, 0.6, 0.6, 1.0))
