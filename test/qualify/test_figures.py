from __future__ import annotations

import math
import random
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qualify.made_qualified import DURATION_S, episode, many

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.meaning import MEANINGS
from vlm_judge_ros.qualify.order import value_order
from vlm_judge_ros.qualify.qualified_episode import Control, QualifiedEpisode
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.verdict.verdict import State

RISING = tuple(tenth / 10 for tenth in range(1, 11))
TRUE = Curve(tuple(float(second) for second in range(1, 11)), RISING)
DONE = ((0.0, State.PROGRESSING), (9.0, State.SUCCEEDED))
FAILED = ((0.0, State.PROGRESSING), (6.0, State.FAILED))


@pytest.fixture(scope="module")
def judged() -> list[QualifiedEpisode]:
    return many(60)


@pytest.fixture(scope="module")
def card(judged: list[QualifiedEpisode]) -> dict[str, CardFigure]:
    return dict(figures(judged))


def _value(episodes: list[QualifiedEpisode], name: str) -> float | None:
    return figures(episodes)[name].value


def _success(key: str, **changes: object) -> QualifiedEpisode:
    known: dict[str, object] = {
        "success": True,
        "probability": 1.0,
        "states": DONE,
        "completed_s": 9.0,
        "true_progress": TRUE,
        "score": 1.0,
        "failure_mode": FailureMode.NONE,
        "controls": {
            Control.STATIC: [0.5] * 10,
            Control.REVERSED: RISING[::-1],
            Control.SHUFFLED: [0.5] * 10,
            Control.WRONG_TASK: [0.0] * 10,
        },
    }
    return episode(key, **{**known, **changes})  # type: ignore[arg-type]


def _failure(key: str, **changes: object) -> QualifiedEpisode:
    half = tuple(min(0.5, value) for value in RISING)
    known: dict[str, object] = {
        "success": False,
        "probability": 0.0,
        "progress": half,
        "states": FAILED,
        "true_progress": Curve(TRUE.times_s, half),
        "score": 0.5,
        "failure_mode": FailureMode.STALL,
        "onset_s": 5.0,
    }
    return episode(key, **{**known, **changes})  # type: ignore[arg-type]


def test_every_figure_has_a_meaning_a_number_an_interval_around_it_and_what_it_rests_on(
    card: dict[str, CardFigure],
) -> None:
    assert list(card) == list(MEANINGS)
    for name, figure in card.items():
        assert figure.value is not None and figure.low is not None and figure.high is not None, name
        assert figure.low - 1e-9 <= figure.value <= figure.high + 1e-9, name
        assert figure.n > 0 and not figure.reason, name


def test_the_order_of_the_episodes_changes_nothing(judged: list[QualifiedEpisode], card: dict[str, CardFigure]) -> None:
    assert figures(random.Random(0).sample(judged, len(judged))) == card
    assert figures(judged) == card


def test_figures_of_ranking_and_classification_are_those_of_scikit_learn_and_scipy(
    judged: list[QualifiedEpisode], card: dict[str, CardFigure]
) -> None:
    metrics, stats = pytest.importorskip("sklearn.metrics"), pytest.importorskip("scipy.stats")
    truth = np.array([bool(each.success) for each in judged])
    last = [each.trace.answers[-1] for each in judged]
    probability = np.array([answer.success_probability for answer in last])
    progress = np.nan_to_num([answer.progress for answer in last])
    claimed = np.array([each.trace.final_state is State.SUCCEEDED for each in judged])
    alarmed = np.array([any(r.state is State.FAILED for r in each.trace.rulings) for each in judged])
    final, score = np.array([(each.trace.final_progress, each.score) for each in judged], dtype=float).T
    expected = {
        "success_auroc": metrics.roc_auc_score(truth, probability),
        "success_auroc_of_progress": metrics.roc_auc_score(truth, progress),
        "success_average_precision": metrics.average_precision_score(truth, probability),
        "success_brier": metrics.brier_score_loss(truth, probability),
        "success_accuracy": metrics.accuracy_score(truth, claimed),
        "success_precision": metrics.precision_score(truth, claimed),
        "success_recall": metrics.recall_score(truth, claimed),
        "failure_precision": metrics.precision_score(~truth, alarmed),
        "failure_recall": metrics.recall_score(~truth, alarmed),
        "failure_f1": metrics.f1_score(~truth, alarmed),
        "false_stops_per_success": alarmed[truth].mean(),
        "pearson": stats.pearsonr(final, score).statistic,
        "spearman": stats.spearmanr(final, score).statistic,
        "kendall": stats.kendalltau(final, score).statistic,
    }
    assert {name: card[name].value for name in expected} == pytest.approx(expected)


def test_errors_of_progress_are_those_of_scikit_learn(
    judged: list[QualifiedEpisode], card: dict[str, CardFigure]
) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    said = np.array([answer.progress for each in judged for answer in each.trace.answers])
    true = np.array([each.true_progress.at(answer.time_s) for each in judged for answer in each.trace.answers])
    told = np.isfinite(said)
    assert card["mae"].value == pytest.approx(metrics.mean_absolute_error(true[told], said[told]))
    assert card["optimism"].value == pytest.approx((said - true)[told].mean())
    assert card["mae"].n == told.sum()
    assert card["declined"].value == pytest.approx(1.0 - told.mean())


def test_the_interval_of_a_share_is_that_of_wilson_and_of_a_mean_that_of_scipy(
    judged: list[QualifiedEpisode], card: dict[str, CardFigure]
) -> None:
    stats = pytest.importorskip("scipy.stats")
    good = [each for each in judged if each.success]
    alarmed = sum(each.trace.recognition is not None for each in good)
    wilson = stats.binomtest(alarmed, len(good)).proportion_ci(method="wilson")
    false = card["false_stops_per_success"]
    assert (false.low, false.high) == pytest.approx((wilson.low, wilson.high))
    brier = np.array([(each.trace.answers[-1].success_probability - bool(each.success)) ** 2 for each in judged])
    drawn = stats.bootstrap((brier,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(0))
    width = drawn.confidence_interval.high - drawn.confidence_interval.low
    assert card["success_brier"].low == pytest.approx(drawn.confidence_interval.low, abs=0.1 * width)
    assert card["success_brier"].high == pytest.approx(drawn.confidence_interval.high, abs=0.1 * width)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=3, max_size=20), st.floats(0.1, 0.9), st.floats(0, 0.1)
)
def test_value_order_is_rank_correlation_whatever_the_scale(values: list[float], scale: float, offset: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    times_s, progress = np.arange(len(values), dtype=float), np.array(values)
    found = value_order(times_s, progress)
    expected = 0.0 if len(set(values)) == 1 else stats.spearmanr(times_s, progress).statistic
    assert found == pytest.approx(expected, abs=1e-12)
    assert value_order(3.0 * times_s, progress * scale + offset) == pytest.approx(found)
    assert value_order(times_s, 1.0 - progress) == pytest.approx(-expected, abs=1e-12)
    assert value_order(times_s, progress[::-1]) == pytest.approx(-expected, abs=1e-12)


def test_value_order_by_hand() -> None:
    # Ranks 1 2 4 3: 1 - 6 * (0 + 0 + 1 + 1) / (4 * 15).
    assert value_order(np.arange(4.0), np.array([0.1, 0.2, 0.4, 0.3])) == pytest.approx(0.8)
    assert value_order(np.arange(3.0), np.array([0.5, 0.5 + 1e-9, 0.5 + 2e-9])) == 0.0
    assert value_order(np.arange(4.0), np.array([0.1, np.nan, np.nan, 0.3])) == 0.0
    assert value_order(np.arange(2.0), np.array([0.1, 0.3])) is None


def test_a_perfect_judge_gets_the_best_value_of_every_figure() -> None:
    episodes = [_success(f"s{index}") for index in range(5)] + [
        _failure(f"f{index}", states=((0.0, State.PROGRESSING), (5.0, State.FAILED))) for index in range(5)
    ]
    episodes[0], episodes[5] = replace(episodes[0], preferred={"f0": 1.0}), replace(episodes[5], preferred={"s0": -1.0})
    found = figures(episodes)
    for name, meaning in MEANINGS.items():
        of_resources = name.startswith("latency") or meaning.unit in ("tokens", "money/h")
        if meaning.best is not None and name != "unknown_when_wrong" and not of_resources:
            assert found[name].value == pytest.approx(meaning.best), name
    assert found["unknown_when_wrong"].value is None
    assert found["unknown_when_wrong"].reason == "no episode of known outcome has a final state that is not right"


def test_a_constant_judge_has_no_order_and_tells_nothing_apart() -> None:
    half = [0.5] * 10
    shown = dict.fromkeys(Control, half)
    episodes = [
        make(f"{kind}{index}", progress=half, probability=0.5, controls=shown, states=((0.0, State.PROGRESSING),))
        for kind, make in (("s", _success), ("f", _failure))
        for index in range(4)
    ]
    found = figures(episodes)
    for name in ("voc", "voc_static", "voc_reversed", "voc_shuffled", "voc_wrong_task", "wrong_task_lower"):
        assert found[name].value == 0.0, name
    assert found["static_range"].value == 0.0
    assert found["success_auroc"].value == found["success_auroc_of_progress"].value == 0.5
    assert found["success_average_precision"].value == 0.5
    assert found["success_brier"].value == 0.25
    assert found["preference_accuracy"].value == 0.5
    assert found["pearson"].value is None and found["pearson"].reason.startswith("all final progress")


def test_a_clock_gets_what_a_clock_in_the_place_of_the_judge_gets() -> None:
    episodes = [_success("s0"), _failure("f0"), _failure("f1", true_progress=Curve((0.0,), (0.25,)))]
    length_s = 9.0
    clock = tuple(min(1.0, second / length_s) for second in range(1, 11))
    as_judge = [
        _success("s0", progress=clock),
        _failure("f0", progress=clock),
        _failure("f1", progress=clock, true_progress=Curve((0.0,), (0.25,))),
    ]
    beside, judged = figures(episodes), figures(as_judge)
    assert beside["voc_clock"].value == pytest.approx(judged["voc"].value) == pytest.approx(1.0)
    assert beside["mae_clock"].value == pytest.approx(judged["mae"].value)
    assert beside["success_auroc_clock"].value == judged["success_auroc_of_progress"].value == 0.5


def test_the_truth_gets_what_the_truth_in_the_place_of_the_judge_gets() -> None:
    slipped = (0.1, 0.2, 0.5, 0.6, 0.3, 0.4, 0.7, 0.8, 0.9, 1.0)
    true = Curve(TRUE.times_s, slipped)
    beside = figures([_success("s0", true_progress=true), _success("s1"), _failure("f0")])
    judged = figures([_success("s0", progress=slipped, true_progress=true), _success("s1"), _failure("f0")])
    assert beside["voc"].value == pytest.approx(1.0)
    assert beside["voc_truth"].value == pytest.approx(judged["voc"].value)
    assert 0.8 < (judged["voc"].value or 0.0) < 1.0


def test_the_order_of_the_truth_is_unknown_where_nobody_knows_how_far_a_success_was() -> None:
    found = figures([_success("s0", true_progress=Curve()), _failure("f0")])["voc_truth"]
    assert found.value is None and "how far it was" in found.reason


def test_a_clock_runs_as_long_as_the_successes_of_its_task_and_is_asked_where_the_judge_tells() -> None:
    true = Curve((0.0,), (0.0,))
    episodes = [
        _success("fast", task="push", completed_s=5.0, progress=[math.nan, 0.5], true_progress=true),
        _success("slow", task="lift", completed_s=20.0, progress=[0.5, math.nan], true_progress=true),
        _failure("other", task="turn", progress=[math.nan, 0.5], true_progress=true),
    ]
    found = figures(episodes)
    # At 2 of 5 s, 1 of 20 s, and 2 s of the median of both.
    assert found["mae_clock"].value == pytest.approx((2 / 5 + 1 / 20 + 2 / 12.5) / 3)
    assert found["mae_clock"].n == found["mae"].n == 3


def test_the_answer_at_the_moment_of_completion_counts_for_order() -> None:
    assert _value([_success("s", completed_s=3.0)], "voc") == pytest.approx(1.0)
    assert _value([_success("s", completed_s=2.9)], "voc") is None


def test_progress_after_completion_does_not_count_for_order() -> None:
    wandering = (*RISING[:5], 0.2, 0.9, 0.1, 0.3, 0.0)
    assert _value([_success("s", progress=wandering, completed_s=5.0)], "voc") == pytest.approx(1.0)
    assert (_value([_success("s", progress=wandering, completed_s=None)], "voc") or 0.0) < 0.5


def test_delays_are_from_onset_to_when_a_listener_knew() -> None:
    def found(onset_s: float, key: str) -> QualifiedEpisode:
        return _failure(key, onset_s=onset_s, known_after_s=0.5)  # known at 6.5

    unseen = _failure("unseen", states=((0.0, State.PROGRESSING),))
    onsets_s = {"a": 5.0, "b": 4.0, "c": 6.0, "d": 9.5, "e": 4.5}
    figure = figures([*(found(onset_s, key) for key, onset_s in onsets_s.items()), unseen])
    assert figure["onset_delay_s"].value == pytest.approx(1.5)  # of 1.5, 2.5, 0.5, -3.0 and 2.0
    assert figure["onset_delay_s"].n == 5
    assert figure["found_within_2_s"].value == pytest.approx(4 / 6)
    assert figure["alarm_before_onset"].value == pytest.approx(1 / 6)
    assert figure["failure_recall"].value == pytest.approx(5 / 6)


def test_a_mode_is_right_as_it_was_recognised_first_and_only_where_it_is_known() -> None:
    modes = {"a": FailureMode.STALL, "b": FailureMode.SLIP, "c": FailureMode.UNKNOWN, "d": None}
    unseen = _failure("e", states=((0.0, State.PROGRESSING),))
    figure = figures([*(_failure(key, failure_mode=mode) for key, mode in modes.items()), unseen])
    assert figure["failure_mode_accuracy"].value == 0.5
    assert figure["failure_mode_accuracy"].n == 2


def test_false_stops_are_counted_by_episode_and_by_hour() -> None:
    twice = (
        (0.0, State.PROGRESSING),
        (2.0, State.FAILED),
        (3.0, State.FAILED),
        (4.0, State.PROGRESSING),
        (5.0, State.FAILED),
        (6.0, State.SUCCEEDED),
    )
    found = figures([_success("a", states=twice), _success("b"), _failure("c")])
    assert found["false_stops_per_success"].value == 0.5
    assert found["false_stops_per_hour"].value == pytest.approx(2.0 / (2 * DURATION_S / 3600.0))


def test_no_false_stop_in_an_hour_leaves_room_for_more_than_three() -> None:
    # exp(-3.689) = 0.025: so many would have been seen with 97.5 %.
    found = figures([_success(f"s{index}", duration_s=360.0) for index in range(10)])["false_stops_per_hour"]
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3.689, abs=1e-3)


def test_success_claimed_before_it_is_complete_or_though_it_never_is() -> None:
    early = _success("early", states=((0.0, State.PROGRESSING), (6.0, State.SUCCEEDED)))
    never = _success("never", states=((0.0, State.PROGRESSING),))
    late = _success("late", states=((0.0, State.PROGRESSING), (9.5, State.SUCCEEDED)))
    false = _failure("false", states=((0.0, State.PROGRESSING), (6.0, State.SUCCEEDED)))
    lost = _failure("lost", completed_s=3.0, states=((0.0, State.PROGRESSING), (4.0, State.SUCCEEDED)))
    found = figures([early, never, late, false, lost])
    assert found["early_completion"].value == pytest.approx(2 / 5)
    assert found["early_completion_s"].value == pytest.approx(1.0)  # of 3, 0 and 0 s
    assert found["early_completion_s"].n == 3


def test_unknown_is_time_and_what_is_wrong_without_misleading() -> None:
    blind = _success("blind", states=((2.0, State.PROGRESSING), (7.0, State.UNKNOWN)))
    misled = _failure("misled", states=((0.0, State.SUCCEEDED),))
    found = figures([blind, misled, _success("right")])
    assert found["unknown"].value == pytest.approx((2.0 + 3.0) / 30.0)
    assert found["unknown_when_wrong"].value == 0.5
    assert found["unknown_when_wrong"].n == 2
    assert found["verdict_accuracy"].value == pytest.approx(1 / 3)


def test_a_last_answer_that_declines_has_not_said_success() -> None:
    silent = _success("silent", probability=math.nan)
    found = figures([_success("a", probability=0.9), silent, _failure("f", probability=0.2)])
    assert found["success_auroc"].value == 0.5
    assert found["success_brier"].value == pytest.approx((0.1**2 + 0.2**2) / 2)
    assert found["success_brier"].n == 2


def test_pairs_count_within_a_task_and_tasks_by_their_pairs() -> None:
    scores = {"a": (("push", 1.0, 0.9), ("push", 0.5, 0.5), ("push", 0.5, 0.1), ("push", 0.0, 0.5))}
    episodes = [
        episode(f"e{index}", task=task, score=score, states=DONE, final_progress=said)
        for index, (task, score, said) in enumerate((*scores["a"], ("lift", 1.0, 0.2), ("lift", 0.0, 0.4)))
    ]
    # Push: three pairs with the first right; (0.5, 0.0) once equal to the judge, once wrong. Lift: its one pair wrong.
    found = figures(episodes)["preference_accuracy"]
    assert found.value == pytest.approx((3.0 + 0.5) / 6)
    assert found.n == 6


TOLD = st.one_of(st.just(math.nan), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
SECOND = st.none() | st.sampled_from([0.0, 2.0, 4.5])
STATES = st.lists(st.tuples(st.sampled_from([0.0, 2.0, 2.5, 4.0]), st.sampled_from(State)), max_size=4).map(sorted)
ANY = st.builds(
    episode,
    key=st.uuids().map(str),
    success=st.sampled_from([None, True, False]),
    progress=st.lists(TOLD, max_size=4),
    probability=TOLD,
    states=STATES,
    recognised=st.sampled_from([FailureMode.STALL, FailureMode.UNKNOWN]),
    controls=st.dictionaries(st.sampled_from(Control), st.lists(TOLD, max_size=4), max_size=2),
    duration_s=st.sampled_from([0.0, 4.0]),
    latency_s=st.sampled_from([math.nan, 0.1]),
    final_progress=TOLD,
    task=st.sampled_from(["push", "lift"]),
    score=st.sampled_from([None, 0.0, 0.5, 1.0]),
    failure_mode=st.sampled_from([None, FailureMode.NONE, FailureMode.STALL, FailureMode.UNKNOWN]),
    onset_s=SECOND,
    completed_s=SECOND,
    true_progress=st.sampled_from([Curve(), Curve((1.0, 2.0), (0.0, 1.0)), Curve((3.0,), (math.nan,))]),
)


@settings(max_examples=25)
@given(st.lists(ANY, max_size=6))
def test_whatever_is_known_and_told_each_figure_has_a_value_in_its_interval_or_a_reason(
    episodes: list[QualifiedEpisode],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = figures(episodes)
    for name, figure in found.items():
        assert (figure.value is None or figure.low is None) == bool(figure.reason), name
        assert (figure.low is None) == (figure.high is None), name
        if figure.value is not None and figure.low is not None and figure.high is not None:
            assert figure.low - 1e-9 <= figure.value <= figure.high + 1e-9, name
        if figure.value is not None and MEANINGS[name].unit == "share":
            assert 0.0 <= figure.value <= 1.0 + 1e-9, name
        if figure.value is not None and MEANINGS[name].unit == "correlation":
            assert -1.0 <= figure.value <= 1.0, name


DEGENERATE: dict[str, list[QualifiedEpisode]] = {
    "none": [],
    "one": [_success("s")],
    "all successes": [_success(f"s{index}") for index in range(5)],
    "all failures": [_failure(f"f{index}") for index in range(5)],
    "nothing known": [episode(f"e{index}", success=None) for index in range(5)],
    "nothing told": [
        make(f"{kind}{index}", progress=[math.nan] * 10, probability=math.nan, latency_s=math.nan, states=())
        for kind, make in (("s", _success), ("f", _failure))
        for index in range(3)
    ],
    "no answer": [_success("s", progress=(), states=()), _failure("f", progress=(), states=())],
    "no time": [_success("s", duration_s=0.0, completed_s=0.0, progress=()), _failure("f", duration_s=0.0)],
}


@pytest.mark.parametrize("kind", DEGENERATE)
def test_what_cannot_be_computed_says_why(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = figures(DEGENERATE[kind])
    for name, figure in found.items():
        assert (figure.value is None or figure.low is None) == bool(figure.reason), name
    if kind == "none":
        assert all(figure.value is None and figure.n == 0 for figure in found.values())
    if kind == "all successes":
        assert found["success_auroc"].reason == "it takes known successes and known failures"
        assert found["failure_recall"].reason == "no episode is known to be a failure"
    if kind == "nothing told":
        assert found["voc"].value == 0.0 and found["declined"].value == found["unknown"].value == 1.0
        assert found["success_auroc"].value is None


def test_the_interval_of_a_calibration_error_reaches_down_to_one_that_only_scatter_would_lift() -> None:
    episodes = [
        episode(f"{tenth}{index:02}", success=index < 2 * tenth, probability=tenth / 10)
        for tenth in (2, 4, 6, 8)
        for index in range(20)
    ]
    found = figures(episodes)["ece"]
    assert found.value == pytest.approx(0.0, abs=1e-12)
    assert found.low == pytest.approx(0.0, abs=1e-12) and (found.high or 0.0) > 0.1


def test_a_share_that_is_right_in_every_draw_leaves_room_for_what_so_few_episodes_cannot_show() -> None:
    stats = pytest.importorskip("scipy.stats")
    scores = {f"s{index}": 1.0 for index in range(8)} | {f"f{index}": 0.5 for index in range(4)}
    episodes = [(_success if key[0] == "s" else _failure)(key, score=score) for key, score in scores.items()]
    found = figures(episodes)
    trials = {
        "success_auroc": 4,
        "success_auroc_of_progress": 4,
        "success_average_precision": 4,
        "preference_accuracy": 6,
        "failure_f1": 4,
    }
    for name, number in trials.items():
        low = stats.binomtest(number, number).proportion_ci(method="wilson").low
        assert (found[name].value, found[name].low, found[name].high) == (1.0, pytest.approx(low), 1.0), name
    high = stats.binomtest(0, 12).proportion_ci(method="wilson").high
    assert (found["declined"].value, found["declined"].high) == (0.0, pytest.approx(high))
