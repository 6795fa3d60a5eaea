"""Frame ordering with models of known behaviour: one that sees, one that counts, and some that answer badly."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_contexts import KnownContexts
from judges.known_scorers import BrightnessScorer, brightness
from judges.known_writers import Answer, KnownWriter, frames, texts
from judges.shown_episode import SECOND, START, evidence, frame

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, load_calibration
from vlm_judge_ros.judges.context import Demonstration, ExampleContext
from vlm_judge_ros.judges.cue_list import load_cues
from vlm_judge_ros.judges.frame_ordering import DEFAULT_PROMPT, Curve, FrameOrderingJudge
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Cancellable
from vlm_judge_ros.judges.ordering_answer import OrderingAnswer
from vlm_judge_ros.judges.ordering_prompt import FrameOrderingPrompt
from vlm_judge_ros.judges.time_order import order_correlation
from vlm_judge_ros.judges.views import instants
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.writer import Writing

PROMPT = load(FrameOrderingPrompt, "prompt", DEFAULT_PROMPT, SHIPPED_FOLDER)
RISING = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def moments(writing: Writing) -> dict[int, list[Frame]]:
    """What the model was shown of each moment, by its number; 0 is the given one."""
    found: dict[int, list[Frame]] = {}
    for label, piece in pairwise(writing.content):
        if isinstance(piece, Frame):
            number = re.search(r"Moment (\d+), (\w+) camera:$", str(label))
            assert number is not None and number[2] == piece.camera
            found.setdefault(int(number[1]), []).append(piece)
    return found


def entries(values: dict[int, float]) -> dict[str, Any]:
    return {
        "moments": [
            {"moment": number, "description": f"bright {value:g}", "percent": value} for number, value in values.items()
        ]
    }


def seeing(writing: Writing) -> Answer:
    """Says of every moment how bright it is."""
    shown = moments(writing)
    return entries({number: round(100 * brightness(shown[number][0]), 1) for number in shown if number})


def counting(writing: Writing) -> Answer:
    """Believes that the moments come in the order of time, whatever they show."""
    count = len(moments(writing)) - 1
    return entries({number: 100.0 * number / count for number in range(1, count + 1)})


def judge_of(writer: KnownWriter, **options: Any) -> FrameOrderingJudge:
    return FrameOrderingJudge(writer, PROMPT, **{"moments": 6, **options})


# What a model that sees makes of it


def test_progress_is_what_the_model_gives_for_the_newest_moment() -> None:
    opinion = judge_of(KnownWriter(seeing)).ask(evidence(RISING))
    assert opinion.progress == opinion.raw_score == pytest.approx(1.0)
    assert [value for _, value in opinion.curve] == pytest.approx(RISING, abs=0.003)
    assert [stamp for stamp, _ in opinion.curve] == [START + second * SECOND for second in range(6)]
    assert opinion.reason == '5 moments with a correlation of 1.00 with time; of the newest it wrote: "bright 100"'
    assert not opinion.calibrated
    assert math.isnan(opinion.success_probability)
    assert math.isnan(opinion.failure_probability)


def test_a_reversed_episode_ends_low_and_falls() -> None:
    opinion = judge_of(KnownWriter(seeing)).ask(evidence(RISING[::-1]))
    assert opinion.progress == 0.0
    assert "correlation of -1.00" in opinion.reason


def test_a_frozen_episode_has_no_order() -> None:
    opinion = judge_of(KnownWriter(seeing)).ask(evidence([0.4] * 6))
    assert opinion.progress == pytest.approx(0.4)
    assert "without an order" in opinion.reason


def test_a_model_that_counts_gives_no_clock() -> None:
    judge = judge_of(KnownWriter(counting), samples=40, moments=12)
    opinion = judge.ask(evidence(list(np.linspace(0.0, 1.0, 12))))
    assert opinion.progress == pytest.approx(0.5, abs=0.15)
    assert opinion.progress_high - opinion.progress_low > 0.6


# What it is shown


def test_the_first_moment_comes_first_and_is_given_and_the_others_are_mixed() -> None:
    writer = KnownWriter(seeing)
    judge_of(writer, samples=5).ask(evidence(RISING))
    orders = []
    for writing in writer.writings:
        shown = moments(writing)
        assert list(shown) == list(range(6))
        assert {shot.stamp_ns for shot in shown[0]} == {START}
        orders.append([shown[number][0].stamp_ns for number in range(1, 6)])
        assert sorted(orders[-1]) == [START + second * SECOND for second in range(1, 6)]
    assert len({tuple(order) for order in orders}) > 1
    assert any(order != sorted(order) for order in orders)
    told = texts(writer.writings[0])
    assert "Here 0 % of the task are done" in told
    assert told.count("lift the cube") == 2
    assert "has lasted 5.0 s" in told
    assert "each of the 5 moments" in told


def test_every_moment_shows_its_cameras_together() -> None:
    writer = KnownWriter(seeing)
    judge_of(writer).ask(evidence(RISING, cameras=("front", "wrist", "top")))
    for shown in moments(writer.writings[0]).values():
        assert [shot.camera for shot in shown] == ["front", "wrist", "top"]
        assert len({shot.stamp_ns for shot in shown}) == 1


def test_labels_keep_the_seconds_from_the_model_unless_a_prompt_wants_them() -> None:
    writer = KnownWriter(seeing)
    judge_of(writer).ask(evidence(RISING))
    labels = [piece for piece, shot in pairwise(writer.writings[0].content) if isinstance(shot, Frame)]
    assert not any(re.search(r"\d\.\d", str(label)) for label in labels)
    telling = PROMPT.model_copy(update={"label": "{seconds} s. Moment {number}, {camera} camera:"})
    FrameOrderingJudge(writer, telling, moments=6).ask(evidence(RISING))
    assert "\n5.0 s. Moment" in texts(writer.writings[-1])


def test_the_same_frames_come_in_the_same_order_wherever_and_whenever_they_are_judged() -> None:
    def order(shown: Evidence, seed: int = 0) -> list[int]:
        writer = KnownWriter(seeing)
        judge_of(writer, seed=seed).ask(shown)
        return [shot.stamp_ns - shown.started_ns for shot in frames(writer.writings[0])]

    original = order(evidence(RISING))
    assert order(replace(evidence(RISING, start_ns=START + 7 * SECOND), episode_id="again", chunk_id=3)) == original
    others = [order(evidence(RISING), seed) for seed in range(1, 6)]
    others += [order(evidence(RISING, task=task)) for task in ("push", "pull", "open", "close", "turn")]
    assert any(other != original for other in others[:5])
    assert any(other != original for other in others[5:])


def test_the_same_seed_and_answers_give_the_same_opinion() -> None:
    shown = evidence(RISING)
    one, two = (judge_of(KnownWriter(seeing), samples=3, seed=4).ask(shown) for _ in range(2))
    assert repr(one) == repr(two)
    assert one.provenance.seed == 4
    assert one.provenance.method == "frame_ordering"
    assert one.provenance.prompt_set == "frame-ordering-v1"


def test_a_moment_is_never_shown_twice_and_one_moment_is_too_few() -> None:
    writer = KnownWriter(seeing)
    judge = judge_of(writer)
    first = judge.ask(evidence([0.3]))
    assert first.declined and not first.unparsable
    assert "takes a second one" in first.reason
    assert not writer.writings
    assert judge.ask(evidence([0.0, 0.3])).progress == pytest.approx(0.3, abs=0.01)
    assert len(frames(writer.writings[0])) == 4


@given(st.integers(2, 20), st.integers(2, 12))
def test_moments_are_spread_from_the_first_to_the_newest(available: int, most: int) -> None:
    shown = instants(evidence([0.5] * available), most)
    stamps = [together[0].stamp_ns for together in shown]
    assert len(stamps) == min(available, most) == len(set(stamps))
    assert stamps == sorted(stamps)
    assert stamps[0] == START
    assert stamps[-1] == START + (available - 1) * SECOND


def test_a_slow_camera_shows_what_it_has_nearest_in_time() -> None:
    views = {
        "front": tuple(Keyframe(frame("front", time_s, 0.5), FrameRole.SPREAD) for time_s in (0.0, 1.0, 2.0, 3.0)),
        "wrist": tuple(Keyframe(frame("wrist", time_s, 0.5), FrameRole.SPREAD) for time_s in (0.1, 2.4)),
    }
    shown = instants(Evidence("one", "lift", START, START + 3 * SECOND, views), 4)
    seconds = [[round((shot.stamp_ns - START) / SECOND, 1) for shot in together] for together in shown]
    assert seconds == [[0.0, 0.1], [1.0, 0.1], [2.0, 2.4], [3.0, 2.4]]


def test_context_comes_before_the_episode() -> None:
    shot = frame("front", 0.0, 0.9)
    context = ExampleContext(
        reference=(Demonstration("lift the ball", ("front:", shot), (0.75,)),),
        cues=("the ball rolls away",),
        failures=(Demonstration("lift the can", (), (), FailureMode.SLIP, "It slides out."),),
    )
    contexts = KnownContexts({"lift the cube": context})
    writer = KnownWriter([entries({1: 50.0})])
    judge = judge_of(writer, cues=load_cues(PROMPT.failure_cues), context_of=contexts)
    assert judge.ask(evidence([0.0, 0.5])).progress == 0.5
    assert contexts.asked == ["lift the cube"]
    told = texts(writer.writings[0])
    order = [
        "lift the ball",
        "Progress here: 75 %",
        "- object dropped: ",
        "- the ball rolls away",
        "It slides out.",
        "Now",
    ]
    places = [told.index(words) for words in [*order, "First the scene"]]
    assert places == sorted(places)
    assert frames(writer.writings[0])[0] is shot


def test_without_context_nothing_is_said_of_it() -> None:
    writer = KnownWriter(seeing)
    judge_of(writer).ask(evidence(RISING))
    assert texts(writer.writings[0]).startswith("\nThe task of the robot: lift the cube")


# Answers


GOOD = {1: 10.0, 2: 20.0, 3: 30.0}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (entries({1: 10.0, 2: 20.0}), "moment 3 is missing"),
        (entries({**GOOD, 4: 1.0}), "moment 4 was not asked for"),
        (entries({**GOOD, 0: 0.0}), "moment 0 was not asked for"),
        ({"moments": [*entries(GOOD)["moments"], *entries({2: 99.0})["moments"]]}, "moment 2 is there 2 times"),
        (entries({**GOOD, 2: 101.0}), "moments.1.percent: Input should be less than or equal to 100"),
        (entries({**GOOD, 2: -1.0}), "moments.1.percent"),
        ({"moments": [{"moment": "1", "description": "", "percent": 1}]}, "moments.0.moment"),
        ({"moments": [{"moment": 1, "description": "", "percent": "10%"}]}, "moments.0.percent"),
        ({"moments": [{"moment": 1, "percent": 10}]}, "moments.0.description"),
        ({"moments": []}, "moment 1 is missing"),
        ([10, 20, 30], "no JSON object"),
        ("Frame 1: 10 %, Frame 2: 20 %, Frame 3: 30 %", "no JSON object"),
        ('{"moments": [{"moment": 1, "description": "", "percent": NaN}]}', "NaN is no number"),
    ],
)
def test_an_answer_without_exactly_one_entry_for_each_moment_is_repaired_or_unparsable(answer: Any, why: str) -> None:
    text = answer if isinstance(answer, str | dict) else str(answer)
    shown = evidence([0.0, 0.3, 0.6, 0.9])
    writer = KnownWriter([text, entries(GOOD)])
    repaired = judge_of(writer).ask(shown)
    assert not repaired.unparsable and not repaired.declined
    assert why in texts(writer.writings[1])
    opinion = judge_of(KnownWriter([text])).ask(shown)
    assert opinion.unparsable and opinion.declined
    assert why in opinion.reason
    assert opinion.curve == ()


@given(st.permutations([1, 2, 3, 4, 5]), st.lists(st.floats(0.0, 100.0), min_size=5, max_size=5))
def test_entries_may_come_in_any_order(numbers: list[int], values: list[float]) -> None:
    given_values = dict(zip(numbers, values, strict=True))
    read = OrderingAnswer.model_validate(entries(given_values), context={"count": 5})
    assert [entry.percent for entry in read.by_moment] == [given_values[number] for number in range(1, 6)]


def test_several_samples_give_a_mean_and_an_interval_and_one_gives_none() -> None:
    answers = iter([10.0, 30.0, 80.0])
    judge = judge_of(KnownWriter(lambda writing: entries({1: next(answers)})), samples=3)
    opinion = judge.ask(evidence([0.0, 0.5]))
    assert (opinion.progress, opinion.progress_low, opinion.progress_high) == pytest.approx((0.4, 0.1, 0.8))
    single = judge_of(KnownWriter([entries({1: 20.0})])).ask(evidence([0.0, 0.5]))
    assert math.isnan(single.progress_low) and math.isnan(single.progress_high)


def test_samples_that_are_unparsable_are_left_out_and_told() -> None:
    writer = KnownWriter(["?", "?", entries({1: 40.0})])
    judge = judge_of(writer, samples=2)
    opinion = judge.ask(evidence([0.0, 0.5]))
    assert opinion.progress == 0.4
    assert not opinion.unparsable
    assert opinion.reason.endswith("1 of 2 answers are unparsable: The answer holds no JSON object.")


def test_curves_keep_what_each_sample_said() -> None:
    curves = judge_of(KnownWriter(seeing), samples=2).curves(evidence(RISING))
    assert all(isinstance(curve, Curve) for curve in curves)
    assert len({curve.seed for curve in curves if isinstance(curve, Curve)}) == 2
    assert judge_of(KnownWriter(seeing)).curves(evidence([0.5])) == []


def test_a_calibration_turns_the_raw_score_into_progress_and_success() -> None:
    raw = judge_of(KnownWriter(seeing))
    fitted = Calibration.model_validate(
        {
            "name": "fitted",
            "fitted": True,
            "model_hash": KnownWriter.file_hash,
            "prompt_hash": raw.provenance.prompt_hash,
            "progress": {"kind": "piecewise_linear", "scores": [0.0, 1.0], "values": [0.0, 0.5]},
            "success": {"kind": "logistic", "midpoint": 0.5, "slope": 20.0},
        }
    )
    opinion = judge_of(KnownWriter(seeing), calibration=fitted).ask(evidence(RISING))
    assert (opinion.raw_score, opinion.progress) == pytest.approx((1.0, 0.5))
    assert opinion.success_probability > 0.99
    assert opinion.calibrated
    with pytest.raises(JudgeError, match="was fitted for the prompt set"):
        judge_of(KnownWriter(seeing), calibration=fitted, cues=load_cues(PROMPT.failure_cues))
    with pytest.raises(JudgeError, match="leave the parameter calibration empty"):
        judge_of(KnownWriter(seeing), calibration=load_calibration())


# Refusals


def test_a_model_that_cannot_write_is_refused() -> None:
    with pytest.raises(JudgeError, match="frame_ordering needs written answers"):
        FrameOrderingJudge(BrightnessScorer(), PROMPT)  # type: ignore[arg-type]


def test_a_model_that_takes_one_image_is_refused() -> None:
    writer = KnownWriter(seeing)
    writer.capabilities = frozenset({Capability.TEXT})
    with pytest.raises(JudgeError, match="several images in one question"):
        judge_of(writer)


@pytest.mark.parametrize("options", [{"moments": 1}, {"samples": 0}])
def test_numbers_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(JudgeError):
        judge_of(KnownWriter(seeing), **options)


def test_cues_need_the_words_of_a_context() -> None:
    bare = PROMPT.model_copy(update={"context": None})
    with pytest.raises(JudgeError, match="no words for examples"):
        FrameOrderingJudge(KnownWriter(seeing), bare, load_cues(PROMPT.failure_cues))


@pytest.mark.parametrize(
    "change",
    [{"label": "{camera}"}, {"first": "{count}"}, {"others": "{task}"}, {"context": None}, {"question": "{cameras}"}],
)
def test_a_prompt_with_wrong_places_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        FrameOrderingPrompt.model_validate({**PROMPT.model_dump(), **change})


def test_a_question_can_be_cancelled() -> None:
    writer = KnownWriter(seeing)
    judge = judge_of(writer)
    assert isinstance(judge, Cancellable)
    judge.cancel()
    assert writer.cancelled == 1


# Order


@pytest.mark.parametrize(
    ("values", "correlation"),
    [
        ([0.1, 0.2, 0.9], 1.0),
        ([3, 2, 1], -1.0),
        ([1, 3, 2], 0.5),
        ([1, 1, 2], 0.866),
        ([1, 1], math.nan),
        ([1], math.nan),
    ],
)
def test_order_correlation_is_that_of_ranks(values: list[float], correlation: float) -> None:
    assert order_correlation(values) == pytest.approx(correlation, abs=1e-3, nan_ok=True)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20, unique=True))
def test_order_correlation_is_that_of_the_ranks_alone(values: list[float]) -> None:
    correlation = order_correlation(values)
    assert -1.0 - 1e-9 <= correlation <= 1.0 + 1e-9
    ranks = [sorted(values).index(value) for value in values]
    assert correlation == pytest.approx(order_correlation(ranks))
    assert correlation == pytest.approx(-order_correlation(values[::-1]))


def test_what_was_shipped_does_not_change_under_its_name() -> None:
    assert PROMPT.name == DEFAULT_PROMPT
    judge = judge_of(KnownWriter(seeing), cues=load_cues(PROMPT.failure_cues))
    assert judge.provenance.prompt_hash == "3a63d6b77bb5c158"
