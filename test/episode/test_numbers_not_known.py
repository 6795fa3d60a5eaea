from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.known import known, or_nan


@given(st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_not_known_becomes_nan_and_none_again(value: float | None) -> None:
    assert known(or_nan(value)) == value


def test_no_number_that_is_not_finite_is_known() -> None:
    assert [known(value) for value in (math.nan, math.inf, -math.inf)] == [None] * 3
