from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay.judged import trace
from scipy import stats

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.labels.agreement import JudgeSays, agreement
from vlm_judge_ros.replay.labels.figure import Figure
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.verdict.verdict import State

SCORES = st.integers(0, 10).map(lambda tenth: tenth / 10)
PAIRS = st.lists(st.tuples(SCORES, SCORES, st.sampled_from(["pick", "push"])), min_size=1, max_size=14)


def _judged(
    episode: str,
    score: float | None = None,
    success: bool | None = None,
    mode: FailureMode | None = None,
    onset_s: float | None = None,
    task: str = "pick",
) -> JudgeSays:
    return JudgeSays(episode, task, score, success, mode, onset_s)


def _figures(pairs: list[tuple[float, float, str]]) -> dict[str, Figure]:
    judged = [_judged(f"e{index}", score=judge, task=task) for index, (judge, _, task) in enumerate(pairs)]
    return dict(
        agreement(judged, [Label(episode=f"e{index}", score=human) for index, (_, human, _) in enumerate(pairs)])
    )


def _tau_b(pairs: list[tuple[float, float, str]]) -> float | None:
    judge = people = agreeing = 0
    for one, two in itertools.combinations(pairs, 2):
        first, second = np.sign(one[0] - two[0]), np.sign(one[1] - two[1])
        judge, people, agreeing = judge + abs(first), people + abs(second), agreeing + first * second
    return float(agreeing / math.sqrt(judge * people)) if judge and people else None


@settings(max_examples=40)
@given(PAIRS)
def test_tau_and_preferences_are_those_of_counting_pair_by_pair(pairs: list[tuple[float, float, str]]) -> None:
    figures = _figures(pairs)
    assert figures["kendall"].value == pytest.approx(_tau_b(pairs))
    rights = [
        (1 + np.sign(one[0] - two[0]) * np.sign(one[1] - two[1])) / 2
        for one, two in itertools.combinations(pairs, 2)
        if one[1] != two[1] and one[2] == two[2]
    ]
    assert figures["preference_accuracy"].n == len(rights)
    assert figures["preference_accuracy"].value == (pytest.approx(np.mean(rights)) if rights else None)


@settings(max_examples=40)
@given(PAIRS)
def test_correlations_are_those_of_scipy(pairs: list[tuple[float, float, str]]) -> None:
    judge, people = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    figures = _figures(pairs)
    if len(set(judge)) < 2 or len(set(people)) < 2:
        assert figures["pearson"].value is figures["spearman"].value is figures["kendall"].value is None
        assert figures["pearson"].reason == "all scores of one side are the same"
        return
    assert figures["pearson"].value == pytest.approx(stats.pearsonr(judge, people)[0])
    assert figures["spearman"].value == pytest.approx(stats.spearmanr(judge, people)[0])
    assert figures["kendall"].value == pytest.approx(stats.kendalltau(judge, people)[0])


@settings(max_examples=40)
@given(PAIRS)
def test_values_lie_in_their_ranges_and_in_their_intervals(pairs: list[tuple[float, float, str]]) -> None:
    for name, figure in _figures(pairs).items():
        assert (figure.reason != "") == (figure.value is None or figure.low is None)
        if figure.value is not None:
            assert -1.0 <= figure.value <= 1.0
        if figure.low is not None and figure.high is not None:
            assert -1.0 <= figure.low <= figure.high <= 1.0
        if name in ("score_error", "score_bias") and len(set(pairs)) == 1 and len(pairs) > 1:
            assert figure.low == pytest.approx(figure.value) == pytest.approx(figure.high)


@settings(max_examples=20)
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_episodes_and_labels_changes_nothing(
    pairs: list[tuple[float, float, str]], chance: random.Random
) -> None:
    judged = [_judged(f"e{index}", score=judge, task=task) for index, (judge, _, task) in enumerate(pairs)]
    labels = [Label(episode=f"e{index}", score=human) for index, (_, human, _) in enumerate(pairs)]
    before = agreement(judged, labels)
    chance.shuffle(judged)
    chance.shuffle(labels)
    assert agreement(judged, labels) == before


@settings(max_examples=20)
@given(PAIRS)
def test_a_judge_that_says_the_same_agrees_wholly_and_one_that_says_the_opposite_not_at_all(
    pairs: list[tuple[float, float, str]],
) -> None:
    same = _figures([(human, human, task) for _, human, task in pairs])
    opposite = _figures([(1 - human, human, task) for _, human, task in pairs])
    assert same["score_error"].value == 0.0
    for name, worst in (("pearson", -1), ("spearman", -1), ("kendall", -1), ("preference_accuracy", 0)):
        if same[name].value is not None:
            assert same[name].value == pytest.approx(1)
            assert opposite[name].value == pytest.approx(worst)


def test_many_episodes_are_taken_block_by_block() -> None:
    chance = random.Random(5)
    pairs = [(chance.randrange(9) / 8, chance.randrange(9) / 8, chance.choice(["pick", "push"])) for _ in range(600)]
    figures = _figures(pairs)
    assert figures["kendall"].value == pytest.approx(_tau_b(pairs))
    rights = [
        (1 + np.sign(one[0] - two[0]) * np.sign(one[1] - two[1])) / 2
        for one, two in itertools.combinations(pairs, 2)
        if one[1] != two[1] and one[2] == two[2]
    ]
    assert figures["preference_accuracy"].n == len(rights)
    assert figures["preference_accuracy"].value == pytest.approx(np.mean(rights))


def test_a_wide_interval_narrows_with_more_episodes() -> None:
    chance = random.Random(3)

    def width(count: int) -> float:
        pairs = [(human, min(1.0, max(0.0, human + chance.gauss(0, 0.2))), "pick") for human in
                 (chance.random() for _ in range(count))]  # fmt: skip
        figure = _figures(pairs)["pearson"]
        assert figure.value is not None and figure.low is not None and figure.high is not None
        assert figure.low < figure.value < figure.high
        return figure.high - figure.low

    assert width(400) < width(20) / 2


def test_the_bias_has_a_sign() -> None:
    figures = _figures([(0.8, 0.5, "pick"), (0.5, 0.4, "pick")])
    assert figures["score_bias"].value == pytest.approx(0.2)
    assert _figures([(0.4, 0.5, "pick")])["score_bias"].value == pytest.approx(-0.1)


def test_one_episode_has_a_value_and_no_interval_and_none_has_neither() -> None:
    one = _figures([(0.4, 0.5, "pick")])["score_error"]
    assert (one.low, one.high, one.n, one.reason) == (None, None, 1, "one episode gives no interval")
    for figure in agreement([_judged("a", score=1)], []).values():
        assert figure == Figure(None, None, None, 0, "nobody has labelled what it needs")


def test_successes_failure_modes_and_onsets() -> None:
    judged = [
        _judged("a", success=True, mode=FailureMode.NONE),
        _judged("b", success=True, mode=FailureMode.NONE),
        _judged("c", success=False, mode=FailureMode.SLIP, onset_s=4.0),
        _judged("d", success=False, mode=FailureMode.STALL, onset_s=2.0),
        _judged("e"),
    ]
    labels = [
        Label(episode="a", success=True),
        Label(episode="b", success=False, failure_mode=FailureMode.SLIP, onset_s=1.0),
        Label(episode="c", success=False, failure_mode=FailureMode.SLIP, onset_s=3.0),
        Label(episode="d", success=False, failure_mode=FailureMode.UNKNOWN, onset_s=5.0),
        Label(episode="e", success=True),
    ]
    figures = agreement(judged, labels)
    assert (figures["success_accuracy"].value, figures["success_accuracy"].n) == (0.75, 4)
    assert (figures["success_precision"].value, figures["success_recall"].value) == (0.5, 1.0)
    assert (figures["failure_mode_matches"].value, figures["failure_mode_matches"].n) == (pytest.approx(1 / 3), 3)
    assert (figures["onset_error_s"].value, figures["onset_bias_s"].value) == (2.0, -1.0)


def test_what_cannot_be_told_says_why() -> None:
    figures = agreement([_judged("a", success=False)], [Label(episode="a", success=False)])
    assert figures["success_precision"].reason == "the judge calls no episode a success"
    assert figures["success_recall"].reason == "people call no episode a success"


def test_a_stated_preference_counts_more_than_scores_and_a_tie_does_not_count() -> None:
    judged = [_judged("a", score=0.9), _judged("b", score=0.1), _judged("c", score=0.5, task="push")]
    scores = [Label(episode=key, score=score) for key, score in (("a", 0.9), ("b", 0.1), ("c", 0.3))]
    assert agreement(judged, scores)["preference_accuracy"].value == 1.0
    against = agreement(judged, [*scores, Label(episode="b", preferred_over="a")])["preference_accuracy"]
    assert (against.value, against.n) == (0.0, 1)
    assert agreement(judged, [*scores, Label(episode="b", preferred_over="tie:a")])["preference_accuracy"].n == 0
    alone = agreement(judged, [Label(episode="a", preferred_over="b"), Label(episode="a", preferred_over="c")])
    assert (alone["preference_accuracy"].value, alone["preference_accuracy"].n) == (1.0, 1)


def test_raters_that_agree_by_chance_alone_have_a_kappa_of_zero() -> None:
    def kappa(one: str, two: str) -> Figure:
        labels = [
            Label(episode=f"e{index}", success=said == "y", rater=rater)
            for rater, all_said in (("Ada", one), ("Bob", two))
            for index, said in enumerate(all_said)
        ]
        return agreement([], labels)["rater_kappa_success"]

    assert kappa("yyynn", "yyynn").value == pytest.approx(1.0)
    assert kappa("yynn", "ynyn").value == pytest.approx(0.0)
    assert kappa("yn" * 5, "ny" * 5).value == pytest.approx(-1.0)
    # 20 both yes, 15 both no, 5 and 10 apart: 0.7 observed, 0.5 by chance.
    table = kappa("y" * 20 + "n" * 15 + "y" * 5 + "n" * 10, "y" * 20 + "n" * 15 + "n" * 5 + "y" * 10)
    assert table.value == pytest.approx(0.4)
    assert table.n == 50
    assert kappa("yyy", "yyy").reason == "the raters only ever say one and the same"


def test_three_raters_are_compared_two_by_two() -> None:
    labels = [
        Label(episode=episode, success=success, score=score, rater=rater)
        for rater, episode, success, score in [
            ("Ada", "a", True, 1.0),
            ("Ada", "b", False, 0.0),
            ("Bob", "a", True, 0.9),
            ("Bob", "b", False, 0.1),
            ("Cid", "a", False, 0.9),
            ("Cid", "b", True, 0.1),
        ]
    ]
    figures = agreement([], labels)
    assert figures["rater_kappa_success"].value == pytest.approx((1 - 1 - 1) / 3)
    assert figures["rater_score_error"].value == pytest.approx((0.1 + 0.1 + 0.0) / 3)
    assert figures["rater_score_error"].n == 2


def test_the_final_verdict_is_what_the_judge_says() -> None:
    failed = JudgeSays.of("a", trace((1.0, State.PROGRESSING), (8.0, State.FAILED), mode="OBJECT_DROPPED", onset_s=6.4))
    assert (failed.success, failed.failure_mode) == (False, FailureMode.OBJECT_DROPPED)
    assert JudgeSays.of("a", trace((1.0, State.UNKNOWN))).success is None
    assert JudgeSays.of("a", trace((1.0, State.SUCCEEDED))).success is True
    assert JudgeSays.of("a", trace((1.0, State.PROGRESSING))).success is False
