"""Logistic curves against scikit-learn, and what they always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from vlm_judge_ros.qualify.platt import fit_logistic, smoothed_targets

rows = st.lists(st.tuples(st.floats(-12.0, 0.0), st.booleans()), min_size=6, max_size=40)


def drawn(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.normal(-5.0, 3.0, n)
    complete = (random.random(n) < 1.0 / (1.0 + np.exp(-(scores + 4.0)))).astype(np.float64)
    return scores, complete


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_scikit_learn_with_soft_targets_as_weighted_pairs(seed: int) -> None:
    scores, complete = drawn(seed)
    targets = smoothed_targets(complete, np.ones(scores.size))
    reference = LogisticRegression(C=1e10, tol=1e-12, max_iter=10_000).fit(
        np.r_[scores, scores][:, None],
        np.r_[np.ones(scores.size), np.zeros(scores.size)],
        sample_weight=np.r_[targets, 1.0 - targets],
    )
    mapping = fit_logistic(scores, targets, np.ones(scores.size))
    assert mapping is not None
    assert mapping.slope == pytest.approx(float(reference.coef_[0, 0]), rel=1e-3)
    assert -mapping.slope * mapping.midpoint == pytest.approx(float(reference.intercept_[0]), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_those_of_the_calibrated_classifier_of_scikit_learn(seed: int) -> None:
    scores, complete = drawn(seed)
    identity = LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])
    # Its decision is the score itself, so that only the calibration is compared.
    identity.coef_, identity.intercept_ = np.array([[1.0]]), np.array([0.0])
    reference = CalibratedClassifierCV(FrozenEstimator(identity), method="sigmoid").fit(scores[:, None], complete)
    mapping = fit_logistic(scores, smoothed_targets(complete, np.ones(scores.size)), np.ones(scores.size))
    assert mapping is not None
    asked = np.linspace(-10.0, 1.0, 12)
    expected = reference.predict_proba(asked[:, None])[:, 1]
    assert [mapping.value_of(score) for score in asked] == pytest.approx(expected.tolist(), abs=5e-3)


def test_targets_are_those_of_platt() -> None:
    targets = smoothed_targets(np.array([1.0, 1.0, 0.0]), np.ones(3))
    assert targets == pytest.approx([3 / 4, 3 / 4, 1 / 3])


@settings(max_examples=40, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_it_rises_stays_a_share_and_does_not_depend_on_the_order(
    drawn: list[tuple[float, bool]], random: object
) -> None:
    shuffled = list(drawn)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    fits = []
    for each in (drawn, shuffled):
        scores, complete = np.array(each, dtype=np.float64).T
        weights = np.ones(scores.size)
        fits.append(fit_logistic(scores, smoothed_targets(complete, weights), weights))
    one, other = fits
    if one is None or other is None:
        # Where there is next to no slope, rounding decides.
        assert all(fit is None or fit.slope < 1e-3 or np.ptp(scores) < 1e-6 for fit in fits)
        return
    values = [one.value_of(score) for score in np.linspace(-15.0, 5.0, 30)]
    assert all(0.0 <= value <= 1.0 for value in values)
    assert values == sorted(values)
    assert values == pytest.approx([other.value_of(score) for score in np.linspace(-15.0, 5.0, 30)], abs=1e-4)


def test_scores_that_fall_with_success_give_nothing() -> None:
    assert fit_logistic(np.array([0.0, 1.0, 2.0]), np.array([0.9, 0.5, 0.1]), np.ones(3)) is None
    assert fit_logistic(np.full(4, -2.0), np.array([0.1, 0.9, 0.1, 0.9]), np.ones(4)) is None


def test_scores_that_divide_without_a_fault_give_a_finite_slope() -> None:
    scores, complete = np.array([-5.0, -4.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    mapping = fit_logistic(scores, complete, np.ones(4))
    assert mapping is not None
    assert mapping.value_of(-5.0) < 0.01
    assert mapping.value_of(0.0) > 0.99
