from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.distillation import Draw, Measure, RewardCurve, distil, orders_right

rewards = st.floats(0.0, 1.0, allow_subnormal=False)
curves = st.lists(rewards, min_size=4, max_size=4).map(tuple)
draws_strategy = st.lists(st.tuples(st.none() | curves, st.none() | curves), max_size=9).map(
    lambda pairs: [
        Draw(
            RewardCurve(seed, better) if better is not None else None,
            RewardCurve(seed, worse) if worse is not None else None,
        )
        for seed, (better, worse) in enumerate(pairs)
    ]
)


def draw(seed: int, better: tuple[float, ...], worse: tuple[float, ...]) -> Draw:
    return Draw(RewardCurve(seed, better), RewardCurve(seed, worse))


@given(draws_strategy, st.sampled_from(Measure), st.floats(0.01, 1.0))
def test_every_draw_is_counted_once_and_what_is_kept_is_right(
    draws: list[Draw], measure: Measure, margin: float
) -> None:
    result = distil(draws, measure, margin)
    assert result.right + result.wrong + result.unreadable == len(draws)
    assert result.unreadable == sum(one.better is None or one.worse is None for one in draws)
    assert (result.kept is None) == (result.right == 0)
    if result.kept is not None:
        assert result.kept in draws and orders_right(result.kept, measure, margin)


@given(draws_strategy, st.sampled_from(Measure), st.floats(0.01, 1.0))
def test_nothing_that_is_kept_would_order_the_pair_the_other_way_round(
    draws: list[Draw], measure: Measure, margin: float
) -> None:
    turned = [Draw(one.worse, one.better) for one in draws]
    assert distil(draws, measure, margin).right + distil(turned, measure, margin).right <= len(draws)


@given(draws_strategy, st.sampled_from(Measure))
def test_no_right_draw_is_nearer_to_the_median_than_the_kept_one(draws: list[Draw], measure: Measure) -> None:
    result = distil(draws, measure, 0.1)
    if result.kept is None or result.kept.worse is None:
        return
    right = [one.worse.rewards for one in draws if one.worse is not None and orders_right(one, measure, 0.1)]
    median = [statistics.median(column) for column in zip(*right, strict=True)]

    def distance(curve: tuple[float, ...]) -> float:
        return sum(abs(a - b) for a, b in zip(curve, median, strict=True))

    assert distance(result.kept.worse.rewards) <= min(map(distance, right)) + 1e-9


def test_the_median_curve_of_the_worse_episode_is_kept() -> None:
    draws = [draw(seed, (0.0, 1.0), (0.0, end)) for seed, end in enumerate((0.9, 0.1, 0.3, 0.5))]
    result = distil(draws, Measure.FINAL, 0.2)
    assert (result.right, result.wrong) == (3, 1)
    assert result.kept is draws[2]


def test_of_equal_curves_the_first_is_kept() -> None:
    draws = [draw(seed, (0.0, 1.0), (0.0, 0.2)) for seed in range(4)]
    assert distil(draws, Measure.FINAL, 0.1).kept is draws[0]


def test_the_end_and_the_mean_may_disagree() -> None:
    undone = draw(0, (0.2, 0.4, 0.6), (0.9, 0.9, 0.1))
    assert orders_right(undone, Measure.FINAL, 0.1) and not orders_right(undone, Measure.MEAN, 0.1)


def test_a_difference_of_exactly_the_margin_counts() -> None:
    assert orders_right(draw(0, (0.4,), (0.3,)), Measure.FINAL, 0.1)
    assert not orders_right(draw(0, (0.4,), (0.31,)), Measure.FINAL, 0.1)


def test_no_draws_give_nothing() -> None:
    result = distil([], Measure.FINAL, 0.1)
    assert (result.kept, result.right, result.wrong, result.unreadable) == (None, 0, 0, 0)


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.5, float("nan")])
def test_a_margin_that_orders_nothing_is_refused(margin: float) -> None:
    with pytest.raises(JudgeError, match="margin"):
        distil([], Measure.FINAL, margin)


@pytest.mark.parametrize("bad", [(), (1.2,), (float("nan"),), (-0.1, 0.5)])
def test_what_is_no_curve_is_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(JudgeError, match="no curve"):
        RewardCurve(0, bad)


def test_curves_of_different_frames_are_not_compared() -> None:
    with pytest.raises(JudgeError, match=r"\[1, 2\] rewards"):
        distil([draw(0, (1.0,), (0.1,)), draw(1, (1.0,), (0.1, 0.2))], Measure.FINAL, 0.1)
