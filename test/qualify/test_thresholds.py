from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qualify.made_qualified import many

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.meaning import MEANINGS
from vlm_judge_ros.qualify.thresholds import DEFAULT, Required, Thresholds, load_thresholds, widened
from vlm_judge_ros.qualify.wording import GROUPS, HEADLINES, WORDS

STOPS = "false_stops_per_success"


def asked(figure: str = STOPS, **required: float | bool) -> Thresholds:
    return Thresholds.model_validate(
        {"name": "own", "uses": {"stop": {"text": "stopping a robot", "requires": {figure: required}}}}
    )


def figure(value: float, low: float, high: float, n: int) -> CardFigure:
    return CardFigure(value=value, low=low, high=high, n=n)


def test_the_sentence_names_the_figure_that_falls_short() -> None:
    fit, unfit = asked(at_most=0.02).sentences({STOPS: figure(0.12, 0.05, 0.25, 40)}, 80)
    assert fit == ()
    assert unfit == (
        "Not fit for stopping a robot: 0.12 false stops per success (0.05 to 0.25, n = 40), at most 0.02 is asked.",
    )


def test_a_judge_that_passes_is_fit_and_its_figures_are_told() -> None:
    fit, unfit = asked(at_most=0.02).sentences({STOPS: figure(0.002, 0.001, 0.011, 900)}, 1800)
    assert unfit == ()
    assert fit == ("Fit for stopping a robot: 0.002 false stops per success (0.001 to 0.011, n = 900).",)


def test_the_worse_end_of_the_interval_decides_unless_the_value_alone_is_asked_for() -> None:
    good_by_luck = {STOPS: figure(0.01, 0.0, 0.2, 20)}
    (sentence,) = asked(at_most=0.02).sentences(good_by_luck, 40)[1]
    assert sentence.endswith("at most 0.02 is asked of the whole interval.")
    assert asked(at_most=0.02, worse_end=False).sentences(good_by_luck, 40)[1] == ()


def test_few_episodes_never_suffice() -> None:
    (sentence,) = asked(at_most=0.9).sentences({STOPS: figure(0.0, 0.0, 0.4, 5)}, 10)[1]
    assert sentence.endswith("and at least n = 10 is asked.")


@given(
    n=st.integers(1, 80),
    bound=st.floats(0.95, 1.0),
    name=st.sampled_from(["success_auroc", "failure_f1", "preference_accuracy", "voc"]),
)
def test_a_perfect_figure_without_an_interval_of_any_width_is_not_taken_at_its_word(
    n: int, bound: float, name: str
) -> None:
    perfect = {name: figure(1.0, 1.0, 1.0, n)}
    assert asked(name, at_least=bound, least_n=1).sentences(perfect, n)[0] == () or n >= 36


def test_what_was_never_seen_is_bounded_by_the_number_of_episodes_and_not_of_pairs() -> None:
    assert widened(STOPS, figure(0.0, 0.0, 0.0, 100), 100)[1] == pytest.approx(0.0362, abs=1e-4)
    assert widened("success_auroc", figure(1.0, 1.0, 1.0, 5000), 20) == (pytest.approx(0.8316, abs=1e-4), 1.0)
    assert widened("voc_static", figure(0.0, 0.0, 0.0, 20), 20) == (0.0, 0.0)


@pytest.mark.parametrize(
    "found", [{}, {STOPS: CardFigure(value=None, n=0, reason="no successes")}, {STOPS: CardFigure(value=0.0, n=50)}]
)
def test_what_is_not_known_does_not_pass(found: dict[str, CardFigure]) -> None:
    fit, (sentence,) = asked(at_most=0.5).sentences(found, 50)
    assert fit == ()
    assert sentence.startswith("Not fit for stopping a robot: ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "name: Field required"),
        ("name: own\nuses: {a: {text: b, requires: {speed: {at_most: 1}}}}", "no figure 'speed'"),
        ("name: own\nuses: {a: {text: b, requires: {voc: {}}}}", "it asks for nothing"),
        ("name: own\nuses: {a: {text: b, requires: {voc: {at_least: 1, at_most: 0}}}}", "which nothing is"),
        ("name: own\nuses: {a: {text: b, requires: {voc: {at_least: .nan}}}}", "finite"),
        ("name: [", "no YAML"),
    ],
)
def test_a_broken_file_is_said_in_a_sentence(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(JudgeError, match=reason):
        load_thresholds(str(path))


def test_the_shipped_thresholds_have_the_five_uses_and_ask_for_the_whole_interval() -> None:
    shipped = load_thresholds(DEFAULT)
    assert list(shipped.uses) == ["progress_display", "reward_labels", "success_detection", "safety_stop", "best_of_k"]
    required: list[Required] = [one for use in shipped.uses.values() for one in use.requires.values()]
    assert all(one.worse_end for one in required)
    fit, unfit = shipped.sentences(figures(many(30)), 30)
    assert len(fit) + len(unfit) == 5


def test_every_figure_has_words_and_a_place_on_the_page() -> None:
    placed = [name for names in GROUPS.values() for name in names]
    assert sorted(placed) == sorted(MEANINGS) == sorted(WORDS)
    assert set(HEADLINES) <= set(MEANINGS)
