"""Which mapping is chosen, and on what it is judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_judge_ros.judges.calibration import Logistic, PiecewiseLinear
from vlm_judge_ros.qualify.folds import drawn_order, folds
from vlm_judge_ros.qualify.mapping import Chosen, Course, Goal, Method, choose, cross_validated


def raw_scores(n: int, seed: int = 0) -> list[Course]:
    """Log-probabilities that rise with progress along a logistic curve."""
    random = np.random.default_rng(seed)
    courses = []
    for number in range(n):
        progress = np.sort(random.random(12))
        odds = np.log(np.clip(progress, 0.02, 0.98) / (1.0 - np.clip(progress, 0.02, 0.98)))
        courses.append(Course(f"episode-{number}", odds * 1.5 - 6.0 + random.normal(0, 0.2, 12), progress))
    return courses


def steps(n: int) -> list[Course]:
    """Scores that no logistic curve fits: nothing for long, then half, then nothing more, then all."""
    random = np.random.default_rng(3)
    courses = []
    for number in range(n):
        scores = random.uniform(-10.0, 0.0, 20)
        courses.append(Course(f"episode-{number}", scores, np.select([scores < -9.0, scores < -1.0], [0.0, 0.5], 1.0)))
    return courses


def own(n: int, bias: float) -> list[Course]:
    random = np.random.default_rng(5)
    courses = []
    for number in range(n):
        progress = random.random(10)
        courses.append(Course(f"episode-{number}", np.clip(progress * bias, 0, 1), progress))
    return courses


def test_a_logistic_curve_is_found_and_has_small_errors_on_episodes_left_out() -> None:
    chosen = choose(Goal.PROGRESS, raw_scores(8), own_scale=False)
    assert isinstance(chosen, Chosen)
    assert isinstance(chosen.mapping, Logistic)
    error = chosen.fit.errors["absolute_error"]
    assert error.value is not None
    assert error.value < 0.05
    assert error.n == 8
    assert "8 episodes are too few for an isotonic mapping" in chosen.told[0]


def test_steps_are_found_where_there_are_episodes_enough() -> None:
    chosen = choose(Goal.PROGRESS, steps(20), own_scale=False)
    assert isinstance(chosen, Chosen)
    assert isinstance(chosen.mapping, PiecewiseLinear)
    assert chosen.fit.method == "isotonic"


def test_a_judge_that_is_right_is_left_as_it_is() -> None:
    chosen = choose(Goal.PROGRESS, own(12, 1.0), own_scale=True)
    assert isinstance(chosen, Chosen)
    assert (chosen.mapping, chosen.fit.method) == (None, "none")
    assert "left as it is" in chosen.told[-1]


def test_a_judge_that_says_half_of_it_is_mended_and_both_errors_are_told() -> None:
    chosen = choose(Goal.PROGRESS, own(12, 0.5), own_scale=True)
    assert isinstance(chosen, Chosen)
    assert chosen.mapping is not None
    assert chosen.mapping.value_of(0.25) == pytest.approx(0.5, abs=0.1)
    before, after = chosen.fit.errors["squared_error_before"].value, chosen.fit.errors["squared_error"].value
    assert before is not None
    assert after is not None
    assert after < before / 4


def test_success_is_chosen_by_the_logarithmic_loss_and_is_never_certain() -> None:
    courses = [Course(each.key, each.scores, (each.targets > 0.8).astype(np.float64)) for each in raw_scores(12)]
    for method in (None, Method.ISOTONIC, Method.PLATT):
        chosen = choose(Goal.SUCCESS, courses, own_scale=False, method=method)
        assert isinstance(chosen, Chosen)
        assert chosen.mapping is not None
        assert set(chosen.fit.errors) == {"log_loss", "brier"}
        values = [chosen.mapping.value_of(score) for score in (-10.0, -6.0, -2.0)]
        assert 0.0 < values[0] <= values[1] < values[2] < 1.0


@pytest.mark.parametrize(
    ("goal", "courses", "words"),
    [
        (Goal.PROGRESS, raw_scores(2), "2 episodes tell progress, and a mapping takes 3"),
        (
            Goal.PROGRESS,
            [Course(str(n), np.array([-1.0]), np.array([1.0])) for n in range(5)],
            "the same at all moments",
        ),
        (Goal.SUCCESS, [Course(str(n), np.array([-1.0]), np.array([1.0])) for n in range(5)], "takes both kinds"),
        (
            Goal.PROGRESS,
            [Course(str(n), np.array([0.0, -1.0, -2.0]), np.array([0.1, 0.5, 0.9])) for n in range(5)],
            "do not rise with progress",
        ),
    ],
)
def test_where_nothing_can_be_fitted_it_says_why(goal: Goal, courses: list[Course], words: str) -> None:
    reason = choose(goal, courses, own_scale=False)
    assert isinstance(reason, str)
    assert words in reason


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_episodes_does_not_matter(random: object) -> None:
    courses = raw_scores(12)
    shuffled = list(courses)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(Goal.PROGRESS, courses, own_scale=False) == choose(Goal.PROGRESS, shuffled, own_scale=False)


def test_no_episode_is_split_between_what_is_fitted_and_what_is_left_out() -> None:
    # Within an episode the scores tell all, over episodes nothing: a fit that saw an episode would know its target.
    random = np.random.default_rng(0)
    levels = random.permutation(20) / 19.0
    courses = [Course(str(n), np.full(30, float(n)), np.full(30, level)) for n, level in enumerate(levels)]
    errors = cross_validated(Goal.PROGRESS, Method.ISOTONIC, courses)["squared_error"]
    assert errors.mean() > 0.5 * levels.var()


@given(st.integers(3, 40), st.integers(1, 3))
def test_folds_hold_each_episode_once_and_groups_evenly(n: int, groups: int) -> None:
    keys, group = [f"k{number}" for number in range(n)], [number % groups for number in range(n)]
    cut = folds(keys, group)
    assert sorted(place for fold in cut for place in fold) == list(range(n))
    assert max(map(len, cut)) - min(map(len, cut)) <= 1
    assert sorted(drawn_order(keys)) == list(range(n))
