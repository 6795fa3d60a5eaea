from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.simulation.ground_truth import progress_curve

VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40)


@given(values=VALUES, stride=st.integers(1, 6), data=st.data())
def test_only_success_is_the_whole_way(values: list[float], stride: int, data: st.DataObject) -> None:
    measured = [(index * stride, value) for index, value in enumerate(values)]
    steps = measured[-1][0] + 1
    success = np.array(data.draw(st.lists(st.booleans(), min_size=steps, max_size=steps)))
    progress, turning_point = progress_curve(measured, success)
    assert progress.shape == (steps,)
    assert (progress[success] == 1.0).all()
    assert (progress[~success] < 1.0).all()
    assert (progress >= 0.0).all()
    assert 0 <= turning_point < steps


def test_a_single_stumble_of_the_expert_is_taken_out() -> None:
    measured = [(0, 0.0), (5, 0.2), (10, 0.0), (15, 0.6), (20, 0.8)]
    progress, _ = progress_curve(measured, np.zeros(21, dtype=bool))
    assert (np.diff(progress) >= 0.0).all()


def test_the_turning_point_is_where_the_last_gain_was() -> None:
    measured = [(0, 0.0), (5, 0.3), (10, 0.6), (15, 0.6), (20, 0.1), (25, 0.3)]
    _, turning_point = progress_curve(measured, np.zeros(26, dtype=bool))
    assert turning_point == 10


def test_progress_between_measurements_is_interpolated() -> None:
    progress, _ = progress_curve([(0, 0.0), (4, 0.4)], np.zeros(5, dtype=bool))
    np.testing.assert_allclose(progress, [0.0, 0.1, 0.2, 0.3, 0.4])
