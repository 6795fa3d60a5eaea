"""Which candidate is chosen, when nobody is, and when asking on is idle."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.steering.scored import CandidateState, Exclusion, Scores
from vlm_judge_ros.steering.selection import SelectionRules, choose, is_settled

NAN = float("nan")
METHODS = ("mean", "tournament", "majority")


def scores(*rows: list[float]) -> Scores:
    return Scores(np.array(rows, dtype=np.float64), {})


@st.composite
def tables(draw: st.DrawFn, least: int = 2) -> NDArray[np.float64]:
    shape = draw(st.tuples(st.integers(least, 5), st.integers(1, 5)))
    hundredths = draw(st.lists(st.integers(0, 100), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    return np.array(hundredths, dtype=np.float64).reshape(shape) / 100.0


@pytest.mark.parametrize("method", METHODS)
def test_the_one_that_all_voices_prefer_is_chosen(method: str) -> None:
    choice = choose(scores([0.2, 0.3], [0.8, 0.9], [0.5, 0.4]), SelectionRules(method=method))
    assert choice.index == 1


@pytest.mark.parametrize("method", METHODS)
@given(st.floats(0.0, 1.0), st.integers(2, 6), st.integers(1, 4))
def test_equal_candidates_leave_the_policy_its_own_order(method: str, score: float, count: int, voices: int) -> None:
    same = Scores(np.full((count, voices), score), {})
    assert choose(same, SelectionRules(method=method)).abstained
    assert choose(same, SelectionRules(method=method, ties="first")).index == 0


@pytest.mark.parametrize("method", METHODS)
@given(tables())
def test_who_is_better_by_every_voice_is_never_passed_over_for_who_is_worse(
    method: str, values: NDArray[np.float64]
) -> None:
    choice = choose(Scores(values, {}), SelectionRules(method=method, margin=0.0, noise_factor=0.0))
    if choice.index is not None:
        worse = (values > values[choice.index] + 0.005).all(axis=1)
        assert not worse.any()


@pytest.mark.parametrize("method", METHODS)
@given(tables(), st.randoms())
def test_the_order_of_candidates_and_voices_changes_nothing(
    method: str, values: NDArray[np.float64], random: Random
) -> None:
    rules = SelectionRules(method=method)
    rows, columns = list(range(values.shape[0])), list(range(values.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    straight, mixed = choose(Scores(values, {}), rules), choose(Scores(values[rows][:, columns], {}), rules)
    assert straight.index == (None if mixed.index is None else rows[mixed.index])


@given(tables(), st.data())
def test_a_vetoed_candidate_is_never_chosen_however_it_scores(values: NDArray[np.float64], data: st.DataObject) -> None:
    vetoed = data.draw(st.sets(st.integers(0, values.shape[0] - 1)))
    rules = SelectionRules(
        method=data.draw(st.sampled_from(METHODS)),
        temperature=data.draw(st.sampled_from((0.0, 0.5))),
        ties=data.draw(st.sampled_from(("abstain", "first"))),
    )
    choice = choose(
        Scores(values, dict.fromkeys(vetoed, Exclusion(CandidateState.VETOED, "It is too far."))),
        rules,
        np.random.default_rng(1),
    )
    assert choice.index not in vetoed
    assert choice.abstained or len(vetoed) < values.shape[0]


def test_a_lead_within_the_noise_of_the_voices_is_none() -> None:
    noisy = scores([0.9, 0.1, 0.5], [0.2, 0.8, 0.4])
    assert choose(noisy, SelectionRules()).abstained
    assert choose(noisy, SelectionRules(noise_factor=0.0)).index == 0


def test_a_lead_that_all_voices_share_counts_however_much_they_differ_otherwise() -> None:
    assert choose(scores([0.95, 0.15, 0.55], [0.9, 0.1, 0.5]), SelectionRules()).index == 0


def test_a_lead_below_the_margin_is_none() -> None:
    close = scores([0.500], [0.504])
    assert "margin" in choose(close, SelectionRules(margin=0.005)).reason
    assert choose(close, SelectionRules(margin=0.002)).index == 1


def test_a_lenient_voice_that_was_asked_about_some_favours_nobody() -> None:
    partly = scores([0.5, NAN], [0.6, 0.9], [0.4, 0.9])
    # Both voices have spoken on 1 and 2 only.
    assert choose(partly, SelectionRules(noise_factor=0.0)).index == 1
    assert choose(scores([0.5, NAN], [NAN, 0.9]), SelectionRules()).abstained


def test_candidates_that_nobody_had_time_for_do_not_hold_up_the_others() -> None:
    late = scores([0.2], [0.7], [NAN])
    assert choose(late, SelectionRules()).index == 1
    assert [late.state_of(index) for index in range(3)] == [CandidateState.SCORED] * 2 + [CandidateState.NOT_SCORED]


def test_majority_and_tournament_resist_one_extreme_voice() -> None:
    extreme = scores([0.5, 0.5, 1.0], [0.6, 0.6, 0.1])
    assert choose(extreme, SelectionRules(noise_factor=0.0)).index == 0
    assert choose(extreme, SelectionRules(method="majority")).index == 1
    assert choose(extreme, SelectionRules(method="tournament")).index == 1


def test_a_temperature_draws_by_score() -> None:
    rules, random = SelectionRules(temperature=0.1), np.random.default_rng(0)
    drawn = [choose(scores([0.5], [0.6]), rules, random).index for _ in range(2000)]
    odds = np.exp(1.0)
    assert drawn.count(1) / 2000 == pytest.approx(odds / (1 + odds), abs=0.03)


@pytest.mark.parametrize("method", METHODS)
@given(tables(), st.data())
def test_what_is_settled_is_not_changed_by_the_voices_that_were_left_out(
    method: str, values: NDArray[np.float64], data: st.DataObject
) -> None:
    rules = SelectionRules(method=method, noise_factor=0.0, margin=data.draw(st.sampled_from((0.0, 0.02, 0.2))))
    heard = values.copy()
    heard[:, data.draw(st.integers(1, values.shape[1])) :] = NAN
    if is_settled(Scores(heard, {}), rules):
        assert choose(Scores(heard, {}), rules).index == choose(Scores(values, {}), rules).index


def test_asking_on_is_idle_once_the_leader_cannot_be_caught() -> None:
    rules = SelectionRules(method="majority")
    leading = scores([0.9, 0.9, 0.9, NAN, NAN], [0.1, 0.1, 0.1, NAN, NAN])
    assert is_settled(leading, rules)
    assert not is_settled(scores([0.9, 0.9, NAN, NAN], [0.1, 0.1, NAN, NAN]), rules)


@pytest.mark.parametrize("values", [[[1.5]], [[-0.1]], [[float("inf")]]])
def test_scores_that_were_not_calibrated_are_refused(values: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        Scores(np.array(values), {})
