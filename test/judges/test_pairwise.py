"""Comparisons of two moments, and the judge that places the newest one among references."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_contexts import KnownContexts
from judges.known_scorers import KnownScorer, brightness
from judges.known_writers import Answer, KnownWriter, frames, texts
from judges.shown_episode import evidence as seen
from judges.shown_episode import frame as grey

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges import pairwise as pairwise_module
from vlm_judge_ros.judges.comparison import Comparison, PairwiseComparator, PairwisePrompt
from vlm_judge_ros.judges.context import Demonstration, ExampleContext
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.model_access import Opened
from vlm_judge_ros.judges.moment import MOST_BYTES, Moment, of_demonstration, read_moment
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Cancellable
from vlm_judge_ros.judges.pairwise import MOST_REFERENCES, PairwiseJudge
from vlm_judge_ros.judges.placement import Placement, place
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.scorer import AnswerScore, Content
from vlm_judge_ros.models.writer import Writing

TASK = "lift the cube"
PROMPT = load(PairwisePrompt, "prompt", "pairwise-v1", SHIPPED_FOLDER)


def moment(level: float, cameras: Sequence[str] = ("front", "wrist"), times_s: Sequence[float] = (0.0,)) -> Moment:
    return Moment(tuple(grey(camera, time_s, level) for time_s in times_s for camera in cameras))


def sides(content: Sequence[Content]) -> tuple[list[Frame], list[Frame]]:
    """The frames of set A and those of set B."""
    found: dict[str, list[Frame]] = {"A": [], "B": []}
    for label, frame in pairwise(content):
        if isinstance(label, str) and isinstance(frame, Frame) and label.strip().startswith("Set "):
            found[label.strip()[4]].append(frame)
    return found["A"], found["B"]


def level(frames: Sequence[Frame]) -> float:
    return float(np.mean([brightness(frame) for frame in frames]))


class Preference(KnownScorer):
    """Prefers the brighter set, and to that the first one as much as it is told."""

    def __init__(self, steepness: float = 4.0, first: float = 0.0) -> None:
        super().__init__()
        self.steepness = steepness
        self.first = first
        self.asked = 0

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        self.asked += 1
        self.contents.append(tuple(content))
        self.prompts = list(prompts)
        a, b = sides(content)
        odds = self.steepness * (level(a) - level(b)) + self.first
        sign = {" A": 1.0, " B": -1.0}[answer]
        return [AnswerScore(-math.log1p(math.exp(-sign * odds)) - 0.5) for _ in prompts]


def brighter(writing: Writing) -> Answer:
    a, b = sides(writing.content)
    if abs(level(a) - level(b)) < 0.02:
        return {"seen": "no difference", "closer": "same", "confidence": 0.9}
    return {"seen": "one is brighter", "closer": "A" if level(a) > level(b) else "B", "confidence": 0.8}


def test_the_shipped_prompt_does_not_change_under_its_name() -> None:
    assert PROMPT.content_hash == "51bc1b9c366c8a16"


# Comparing


@pytest.mark.parametrize("model", [Preference(), KnownWriter(brighter)])
def test_the_moment_that_is_closer_gets_the_score_whichever_comes_first(model: Any) -> None:
    comparator = PairwiseComparator(model, PROMPT)
    one = comparator.compare(moment(0.9), moment(0.2), TASK)
    other = comparator.compare(moment(0.2), moment(0.9), TASK)
    assert one.score > 0.7
    assert other.score == pytest.approx(-one.score)
    assert one.spread == pytest.approx(0.0, abs=1e-9)


def test_the_score_is_the_difference_of_the_two_probabilities() -> None:
    compared = PairwiseComparator(Preference(steepness=3.0), PROMPT).compare(moment(1.0), moment(0.0), TASK)
    assert compared.score == pytest.approx(1 / (1 + math.exp(-3)) - 1 / (1 + math.exp(3)))


@pytest.mark.parametrize(
    "model",
    [
        Preference(first=50.0),
        Preference(first=-50.0),
        KnownWriter([{"seen": "", "closer": "A", "confidence": 1.0}]),
        KnownWriter([{"seen": "", "closer": "B", "confidence": 1.0}]),
    ],
)
def test_a_model_that_goes_by_position_says_nothing(model: Any) -> None:
    compared = PairwiseComparator(model, PROMPT).compare(moment(0.9), moment(0.2), TASK)
    assert compared.score == pytest.approx(0.0, abs=1e-9)
    assert compared.spread == pytest.approx(1.0)


def test_a_slight_preference_for_a_position_cancels_and_is_told_as_spread() -> None:
    fair = PairwiseComparator(Preference(), PROMPT).compare(moment(0.6), moment(0.5), TASK)
    biased = PairwiseComparator(Preference(first=0.5), PROMPT).compare(moment(0.6), moment(0.5), TASK)
    assert biased.score == pytest.approx(fair.score, abs=0.02)
    assert biased.spread > 0.1 > fair.spread


def test_the_same_images_are_not_asked_about() -> None:
    model = Preference(first=5.0)
    same = moment(0.5)
    assert PairwiseComparator(model, PROMPT).compare(same, same, TASK) == Comparison(
        0.0, 0.0, "Both show the same images."
    )
    assert model.asked == 0


class Bounded(Preference):
    """Tells only a bound for one of the answers, or for both."""

    def __init__(self, bounded: str, **settings: float) -> None:
        super().__init__(**settings)
        self._bounded = bounded

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        scores = super().score(content, prompts, answer)
        if answer.strip() not in self._bounded:
            return scores
        return [AnswerScore(score.log_probability, is_bound=True) for score in scores]


def test_a_bound_leaves_open_what_it_does_not_tell() -> None:
    clear = PairwiseComparator(Bounded("B", steepness=8.0), PROMPT).compare(moment(1.0), moment(0.0), TASK)
    # First in the order, it is surely closer; asked the other way round nothing is known of the less probable answer.
    assert 0.0 < clear.spread <= 1.0
    unknown = PairwiseComparator(Bounded("AB", steepness=8.0), PROMPT).compare(moment(1.0), moment(0.0), TASK)
    assert (unknown.score, unknown.spread) == (pytest.approx(0.0), 1.0)


def test_an_answer_that_is_impossible_in_both_ways_says_nothing() -> None:
    class Never(KnownScorer):
        def log_probability(self, frames: Sequence[Frame], number: int) -> float:
            return -math.inf

    compared = PairwiseComparator(Never(), PROMPT).compare(moment(1.0), moment(0.0), TASK)
    assert (compared.score, compared.spread) == (0.0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        "A",
        {"seen": "", "closer": "A"},
        {"seen": "", "closer": "both", "confidence": 1.0},
        {"seen": "", "closer": "A", "confidence": 2},
        {"seen": "", "closer": "A", "confidence": "0.5"},
        {"seen": "", "closer": "A", "confidence": 0.5, "success": True},
    ],
)
def test_an_answer_that_cannot_be_read_twice_is_unparsable(wrong: Answer) -> None:
    writer = KnownWriter([wrong])
    compared = PairwiseComparator(writer, PROMPT).compare(moment(1.0), moment(0.0), TASK)
    assert compared.unparsable
    assert math.isnan(compared.score)
    assert len(writer.writings) == 2
    repaired = KnownWriter([wrong, *({"seen": "", "closer": side, "confidence": 0.5} for side in "AB")])
    assert PairwiseComparator(repaired, PROMPT).compare(moment(1.0), moment(0.0), TASK).score == 0.5


def test_goal_and_start_are_shown_first_and_never_where_they_are_compared() -> None:
    goal, start = moment(1.0, ("front",)), moment(0.0, ("front",))
    writer = KnownWriter(brighter)
    comparator = PairwiseComparator(writer, PROMPT, goal=goal, start=start)
    comparator.compare(moment(0.4), moment(0.6), TASK)
    told = texts(writer.writings[0])
    assert told.startswith("For comparison, before anything was done, front camera:")
    assert "For comparison, the finished task, front camera:" in told
    assert len(frames(writer.writings[0])) == 6
    comparator.compare(moment(0.4), goal, TASK)
    told = texts(writer.writings[-1])
    assert "finished" not in told
    assert "before anything" in told


def test_both_are_shown_by_the_cameras_that_both_have() -> None:
    model = Preference()
    PairwiseComparator(model, PROMPT).compare(moment(0.4), moment(0.6, ("wrist",)), TASK)
    assert {frame.camera for frame in model.contents[0] if isinstance(frame, Frame)} == {"wrist"}
    PairwiseComparator(model, PROMPT).compare(moment(0.4, ("front",)), moment(0.6, ("wrist",)), TASK)
    assert len([frame for frame in model.contents[-1] if isinstance(frame, Frame)]) == 2


def test_labels_count_back_from_the_end_so_that_time_gives_nothing_away() -> None:
    model = Preference()
    early, late = moment(0.4, ("front",), (0.0, 1.0)), moment(0.4, ("front",), (30.0, 31.0))
    PairwiseComparator(model, PROMPT).compare(early, late, TASK)
    labels = [piece.strip() for piece in model.contents[0] if isinstance(piece, str)]
    assert labels == [
        f"Set {side}, front camera, {seconds} s before its end:" for side in "AB" for seconds in ("1.0", "0.0")
    ]
    assert all(TASK in prompt for prompt in model.prompts)


def test_a_model_that_can_do_neither_is_refused() -> None:
    class Mute(KnownScorer):
        capabilities = frozenset({Capability.SEVERAL_IMAGES})

    with pytest.raises(JudgeError, match="pairwise needs written answers"):
        PairwiseComparator(Mute(), PROMPT)


def test_a_model_that_does_both_writes_where_the_prompt_says_so() -> None:
    class Both(KnownWriter):
        def __init__(self) -> None:
            super().__init__(brighter)
            self.capabilities |= {Capability.LOG_PROBABILITIES}

    writer = Both()
    PairwiseComparator(writer, PROMPT.model_copy(update={"scored": False})).compare(moment(0.4), moment(0.6), TASK)
    assert len(writer.writings) == 2


def test_log_probabilities_that_are_none_are_refused() -> None:
    class Broken(KnownScorer):
        def log_probability(self, frames: Sequence[Frame], number: int) -> float:
            return math.nan

    with pytest.raises(JudgeError, match="with the log-probabilities"):
        PairwiseComparator(Broken(), PROMPT).compare(moment(0.4), moment(0.6), TASK)


# Placing

scores = st.floats(-1.0, 1.0)
spreads = st.floats(0.0, 1.0)


def placed(*pairs: tuple[float, float], spread: float = 0.0) -> Placement:
    return place([at for at, _ in pairs], [Comparison(score, spread) for _, score in pairs])


def test_a_moment_lies_where_the_comparison_would_be_even() -> None:
    assert placed((0.0, 0.5), (1.0, -0.5)).progress == pytest.approx(0.5)
    odds = 2 * math.atanh(0.5)
    assert placed((0.0, 0.5), (1.0, -0.9)).progress == pytest.approx(odds / (odds + 2 * math.atanh(0.9)))
    assert placed((0.0, 0.5), (0.5, 0.0), (1.0, -0.5)).progress == pytest.approx(0.5)
    assert placed((0.0, 1.0), (0.4, 0.5), (0.6, -0.5), (1.0, -1.0)).progress == pytest.approx(0.5)
    assert placed((1.0, -1.0), (0.4, 0.5), (0.0, 1.0), (0.6, -0.5)).progress == pytest.approx(0.5)


def test_beyond_the_outermost_references_nothing_is_extrapolated() -> None:
    beyond = placed((0.0, 0.9), (0.8, 0.6))
    assert (beyond.progress, beyond.high) == (0.8, 1.0)
    before = placed((0.2, -0.9), (0.8, -1.0))
    assert (before.progress, before.low) == (0.2, 0.0)


def test_comparisons_that_only_say_which_leave_the_interval_between_the_references_open() -> None:
    found = placed((0.0, 1.0), (0.5, 1.0), (1.0, -1.0))
    assert 0.5 < found.progress < 1.0
    assert (found.low, found.high) == (0.5, 1.0)
    assert found.blurred == 0.0
    graded = placed((0.0, 0.4), (1.0, -0.4))
    assert graded.low == graded.high == graded.progress


def test_comparisons_that_say_nothing_are_blurred() -> None:
    assert placed((0.0, 0.0), (1.0, 0.0)).blurred == 1.0
    assert placed((0.0, 0.3), (1.0, -0.3), spread=1.0).blurred == 1.0


@given(st.lists(st.tuples(st.floats(0.0, 1.0), scores, spreads), min_size=1, max_size=7))
def test_a_placement_is_a_share_inside_its_interval(rows: list[tuple[float, float, float]]) -> None:
    found = place([at for at, _, _ in rows], [Comparison(score, spread) for _, score, spread in rows])
    assert 0.0 <= found.low <= found.progress <= found.high <= 1.0
    assert 0.0 <= found.blurred <= 1.0


@given(st.lists(scores, min_size=2, max_size=6), st.integers(0, 5), st.floats(0.0, 1.0))
def test_to_do_better_in_one_comparison_never_lowers_progress(values: list[float], index: int, more: float) -> None:
    index %= len(values)
    at = list(np.linspace(0.0, 1.0, len(values)))
    better = [min(1.0, value + more * (number == index)) for number, value in enumerate(values)]
    before, after = (place(at, [Comparison(value, 0.0) for value in values]).progress for values in (values, better))
    assert after >= before - 1e-9


# Judging


def judge_of(model: Any, **settings: Any) -> PairwiseJudge:
    return PairwiseJudge(model, PROMPT, **settings)


def demonstration(task: str = TASK, levels: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9)) -> Demonstration:
    shown: list[Content] = []
    for index, value in enumerate(levels):
        shown += ["front:", grey("front", index, value), "wrist:", grey("wrist", index, value)]
    rewards = [reward for reward in np.linspace(0.0, 1.0, len(levels)) for _ in range(2)]
    return Demonstration(task, tuple(shown), tuple(rewards))


@pytest.mark.parametrize("model", [Preference(steepness=2.0), KnownWriter(brighter)])
def test_progress_is_absolute_between_start_and_goal(model: Any) -> None:
    judge = judge_of(model, goal=moment(0.9), start=moment(0.1))
    early, middle, late = (judge.ask(seen([0.1, value])).progress for value in (0.2, 0.5, 0.8))
    assert early <= middle <= late
    assert middle == pytest.approx(0.5, abs=0.02)
    # A frozen episode at the same place gives the same, whatever came before: nothing is stretched.
    assert judge.ask(seen([0.5, 0.5, 0.5, 0.5])).progress == pytest.approx(middle)


def test_a_model_that_grades_moves_progress_with_what_it_sees() -> None:
    judge = judge_of(Preference(steepness=2.0), goal=moment(0.9), start=moment(0.1))
    values = [judge.ask(seen([0.1, value])).progress for value in np.linspace(0.1, 0.9, 9)]
    assert values == pytest.approx(np.linspace(0.0, 1.0, 9), abs=0.02)
    back = [judge.ask(seen([0.1, value])).progress for value in np.linspace(0.9, 0.1, 9)]
    assert back == pytest.approx(values[::-1], abs=0.01)  # grey levels are rounded


def test_success_and_failure_are_not_said() -> None:
    opinion = judge_of(Preference(), goal=moment(0.9)).ask(seen([0.1, 0.9]))
    assert opinion.progress > 0.95
    assert math.isnan(opinion.success_probability)
    assert math.isnan(opinion.failure_probability)
    assert not opinion.calibrated
    assert opinion.reason.startswith("Compared with the start +")


def test_the_first_frames_stand_for_the_start_where_there_is_no_start_image() -> None:
    judge = judge_of(Preference(steepness=2.0), goal=moment(0.9))
    assert judge.ask(seen([0.3, 0.3])).progress == pytest.approx(0.0, abs=0.02)
    assert judge.ask(seen([0.3])).progress == 0.0
    assert judge.ask(seen([0.3, 0.6])).progress == pytest.approx(0.5, abs=0.02)


def test_moments_of_an_example_of_the_same_task_are_references_with_their_rewards() -> None:
    told = ExampleContext(reference=(demonstration("Lift the  cube."), demonstration("drop the cube", (0.9, 0.1))))
    examples = KnownContexts({TASK: told, "open the drawer": told})
    judge = judge_of(Preference(steepness=2.0), examples=examples, start=moment(0.1))
    assert judge.ask(seen([0.1, 0.6])).progress == pytest.approx(0.625, abs=0.05)
    assert judge.provenance.prompt_set == f"pairwise-v1 known, pictures {judge.provenance.prompt_set[-16:]}"
    other = judge.ask(seen([0.1, 0.6], task="open the drawer"))
    assert other.declined
    assert not other.unparsable
    assert other.reason.startswith("There is no goal image, and no example of this task")


def test_what_no_camera_shows_of_both_is_not_compared() -> None:
    model = Preference()
    judge = judge_of(model, goal=moment(0.9, ("front",)))
    opinion = judge.ask(seen([0.1, 0.5], ("wrist",)))
    assert opinion.declined
    assert opinion.reason.endswith("that wrist took.")
    assert model.asked == 0


def test_a_demonstration_becomes_one_reference_for_each_moment() -> None:
    references = of_demonstration(demonstration())
    assert [reference.progress for reference in references] == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert all(reference.moment.cameras == {"front", "wrist"} for reference in references)
    assert of_demonstration(Demonstration(TASK, demonstration().frames)) == []


def test_many_references_are_thinned_so_that_the_number_of_questions_is_bounded() -> None:
    model = Preference(steepness=2.0)
    examples = ExampleContext(reference=(demonstration(levels=list(np.linspace(0.1, 0.9, 40))),))
    judge_of(model, examples=KnownContexts({TASK: examples}), goal=moment(0.9)).ask(seen([0.1, 0.6]))
    assert model.asked <= MOST_REFERENCES * 4


@pytest.mark.parametrize(
    "model", [Preference(first=50.0), KnownWriter([{"seen": "", "closer": "A", "confidence": 1.0}])]
)
def test_a_model_that_goes_by_position_is_no_judge(model: Any) -> None:
    opinion = judge_of(model, goal=moment(0.9)).ask(seen([0.1, 0.5]))
    assert opinion.declined
    assert not opinion.unparsable
    assert "depend on the order of the pictures" in opinion.reason


def test_comparisons_that_cannot_be_read_are_unparsable() -> None:
    opinion = judge_of(KnownWriter(["?"]), goal=moment(0.9)).ask(seen([0.1, 0.5]))
    assert opinion.unparsable
    assert opinion.reason == "Only 0 of 2 comparisons can be read: The answer holds no JSON object."


def test_without_anything_to_compare_with_it_is_refused_at_start() -> None:
    for make in (lambda: judge_of(Preference()), lambda: resolve("pairwise")(JudgeOptions(model="m"))):
        with pytest.raises(JudgeError, match="set the parameter goal_image to a picture of the finished task"):
            make()


def test_a_calibration_of_raw_scores_is_refused_at_start() -> None:
    with pytest.raises(JudgeError, match="unfitted-v1 maps raw scores, and this judge has none"):
        resolve("pairwise")(JudgeOptions(goal_image="a.jpg", calibration="unfitted-v1"))


def test_it_can_be_cancelled() -> None:
    writer = KnownWriter(brighter)
    judge = judge_of(writer, goal=moment(0.9))
    assert isinstance(judge, Cancellable)
    judge.cancel()
    assert writer.cancelled == 1


# Pictures


def picture(path: Path, value: float) -> str:
    cv2.imwrite(str(path), np.full((48, 64, 3), round(255 * value), np.uint8))
    return str(path)


def test_the_judge_is_made_from_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked_for: list[int] = []

    def open_model(options: JudgeOptions, method: str, most_images: int = 0) -> Opened:
        asked_for.append(most_images)
        return Opened(Preference(steepness=2.0), "Runs.")

    monkeypatch.setattr(pairwise_module, "open_model", open_model)
    options = JudgeOptions(
        goal_image=picture(tmp_path / "goal.png", 0.9), start_image=picture(tmp_path / "start.jpg", 0.1)
    )
    judge = resolve("pairwise")(options)
    assert judge.ask(seen([0.5, 0.5])).progress == pytest.approx(0.5, abs=0.02)
    assert asked_for == [8]
    assert judge.provenance.method == "pairwise"
    brighter = JudgeOptions(goal_image=picture(tmp_path / "goal2.png", 0.95), start_image=options.start_image)
    assert resolve("pairwise")(brighter).provenance.prompt_set != judge.provenance.prompt_set
    assert judge.provenance.prompt_set.startswith("pairwise-v1, pictures ")


def test_a_picture_is_one_of_the_first_camera_and_a_folder_has_one_for_each(tmp_path: Path) -> None:
    path = picture(tmp_path / "goal.png", 0.5)
    assert read_moment(path, ("front", "wrist"), "goal_image").cameras == {"front"}
    folder = tmp_path / "goal"
    folder.mkdir()
    picture(folder / "wrist.jpg", 0.5)
    picture(folder / "other.jpg", 0.5)
    assert read_moment(str(folder), ("front", "wrist"), "goal_image").cameras == {"wrist"}
    with pytest.raises(JudgeError, match=r"has no picture of a camera; put one there that is called top\.jpg"):
        read_moment(str(folder), ("top",), "goal_image")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "no data"),
        (b"GIF89a", "neither JPEG, PNG nor WebP"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\xff\xff\xff\x00\xff\xff\xffIEND\xaeB`\x82", "pixels"),
        (bytes(MOST_BYTES + 1), "more than 32 MiB"),
    ],
)
def test_a_picture_that_cannot_be_used_is_named_with_its_parameter(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "goal.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JudgeError, match=words) as refused:
        read_moment(str(path), ("front",), "goal_image")
    assert "of the parameter goal_image" in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_moment_needs_an_image() -> None:
    with pytest.raises(JudgeError, match="without images"):
        Moment(())
