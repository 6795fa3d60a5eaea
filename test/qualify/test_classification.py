from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.qualify.classification import auroc, average_precision, calibration_error, quantile

SCORED = st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30)


def _columns(rows: list[tuple[int, bool, int]]) -> tuple[NDArray[np.float64], ...]:
    scores, positive, counts = np.array(rows, dtype=np.float64).T
    return scores / 10.0, positive, counts


def _drawn(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.repeat(values, counts.astype(int))


@settings(max_examples=60)
@given(SCORED)
def test_areas_are_those_of_scikit_learn_for_episodes_drawn_anew(rows: list[tuple[int, bool, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, positive, counts = _columns(rows)
    drawn, truth = _drawn(scores, counts), _drawn(positive, counts)
    assume(0.0 < truth.sum() < truth.size)
    area = auroc(scores, positive)(counts[None])[0]
    assert area == pytest.approx(metrics.roc_auc_score(truth, drawn))
    precision = average_precision(scores, positive)(counts[None])[0]
    assert precision == pytest.approx(metrics.average_precision_score(truth, drawn))
    assert auroc(-scores, positive)(counts[None])[0] == pytest.approx(1.0 - area)
    assert auroc(scores, 1.0 - positive)(counts[None])[0] == pytest.approx(1.0 - area)
    assert auroc(np.exp(3.0 * scores), positive)(counts[None])[0] == pytest.approx(area)


@settings(max_examples=60)
@given(SCORED)
def test_a_calibration_error_is_that_of_counting_bin_by_bin(rows: list[tuple[int, bool, int]]) -> None:
    scores, positive, counts = _columns(rows)
    drawn, truth = _drawn(scores, counts), _drawn(positive, counts)
    assume(drawn.size > 0)
    expected = 0.0
    for upper in range(1, 11):
        member = (drawn >= (upper - 1) / 10) & ((drawn < upper / 10) | (upper == 10))
        if member.any():
            expected += member.mean() * abs(drawn[member].mean() - truth[member].mean())
    assert calibration_error(scores, positive)(counts[None])[0] == pytest.approx(expected)


@settings(max_examples=60)
@given(SCORED, st.sampled_from([0.0, 0.25, 0.5, 0.95, 1.0]))
def test_a_quantile_is_that_of_numpy_for_rows_drawn_anew(rows: list[tuple[int, bool, int]], part: float) -> None:
    values, _, counts = _columns(rows)
    drawn = _drawn(values, counts)
    found = quantile(values, part)(counts[None])[0]
    assert found == (pytest.approx(np.quantile(drawn, part)) if drawn.size else pytest.approx(np.nan, nan_ok=True))


def test_areas_by_hand() -> None:
    # Pairs of a good and a bad one: (0.9, 0.5) and (0.9, 0.1) right, (0.5, 0.5) half, (0.5, 0.1) right.
    scores, positive = np.array([0.9, 0.5, 0.5, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    assert auroc(scores, positive)(np.ones((1, 4)))[0] == 3.5 / 4.0
    # The first threshold finds half at precision 1, the second the other half at 2 of 3.
    assert average_precision(scores, positive)(np.ones((1, 4)))[0] == pytest.approx(0.5 + 0.5 * 2.0 / 3.0)


def test_areas_of_one_kind_are_not_defined() -> None:
    scores, positive = np.array([0.9, 0.5]), np.zeros(2)
    assert np.isnan(auroc(scores, positive)(np.ones((1, 2)))[0])
    assert np.isnan(average_precision(scores, positive)(np.ones((1, 2)))[0])
