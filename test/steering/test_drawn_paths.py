"""Candidates shown by their paths: which way is taken, what the judge is shown, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_scorers import KnownScorer
from judges.known_writers import Answer, KnownWriter, frames
from steering.drawn_scene import (
    CAMERAS,
    GREY,
    HEIGHT,
    NOW_NS,
    WIDTH,
    asking,
    drawn_on,
    evidence,
    frame,
    going_to,
    rightmost,
)

from vlm_judge_ros.episode.drawing import Drawing, DrawnAs
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.fault import BrokenImage, FrameFault
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.judges.calibration import load_calibration
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Judge, JudgeProvenance, Opinion
from vlm_judge_ros.judges.path_choice import PathChoiceJudge, PathChoicePrompt
from vlm_judge_ros.judges.prompt_set import DRAWN_PROMPT_SET, load_prompt_set
from vlm_judge_ros.judges.questions import Question as AskedQuestion
from vlm_judge_ros.judges.sent_frames import SentFrames
from vlm_judge_ros.judges.token_reward import TokenRewardJudge
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.writer import Writing
from vlm_judge_ros.steering.arm import Arm
from vlm_judge_ros.steering.candidate import Candidate, JointTrajectory, PredictedFrame
from vlm_judge_ros.steering.drawing.cameras import Cameras
from vlm_judge_ros.steering.drawing.candidates import MOST_TOGETHER
from vlm_judge_ros.steering.drawing.colours import numbered_colour
from vlm_judge_ros.steering.drawn_paths import Canvas, half_turned
from vlm_judge_ros.steering.questions import Prepared, SteeringSettings, conclude, prepare
from vlm_judge_ros.steering.request import ScoringAnswer
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.steering.scorer import CandidateScorer

ALONE = SteeringSettings(canvas=Canvas(DrawnAs.ALONE, CAMERAS))
TOGETHER = SteeringSettings(canvas=Canvas(DrawnAs.TOGETHER, CAMERAS))
WHO = JudgeProvenance("model", "", "cpu", "direct")
PATH_CHOICE = load(PathChoicePrompt, "prompt", "path-choice-v1", SHIPPED_FOLDER)
URDF = """<robot name="slide"><link name="base"/><link name="hand"/>
  <joint name="slide" type="prismatic"><parent link="base"/><child link="hand"/>
  <origin xyz="0 0 1"/><axis xyz="1 0 0"/></joint></robot>"""


def sliding(*positions: float) -> Candidate:
    table = np.array(positions)[:, None]
    return Candidate(joints=JointTrajectory(("slide",), np.arange(len(positions), dtype=np.float64), table))


def predicting() -> Candidate:
    return Candidate(frames=(PredictedFrame("front", 0.5, frame().image),))  # type: ignore[arg-type]


def reasons(prepared: Prepared) -> dict[int, str]:
    assert {exclusion.state for exclusion in prepared.excluded.values()} <= {CandidateState.MISSING_EVIDENCE}
    return {index: exclusion.reason for index, exclusion in prepared.excluded.items()}


# What the judge is shown


def test_the_newest_frame_is_shown_as_it_is_and_once_more_with_the_path() -> None:
    seen = evidence("front", "wrist")
    (question,) = prepare(asking(going_to(0.2)), seen, ALONE).questions
    shown = question.evidence.keyframes
    assert shown["front"][:2] == seen.keyframes["front"]
    assert shown["wrist"] == seen.keyframes["wrist"], "it is not known where that camera is"
    assert [key.frame.stamp_ns for key in shown["front"]] == [NOW_NS - 1_000_000_000, NOW_NS, NOW_NS]
    assert question.evidence.now_ns == NOW_NS, "nothing of it lies ahead"
    assert question.evidence.drawing == Drawing(DrawnAs.ALONE, 1, 1, 1.5)
    rows, columns = np.nonzero(drawn_on(question.evidence))
    # The geometry is that of pictures twice as large: 0.2 m at 1 m are 25 pixels here.
    assert columns.min() == pytest.approx(WIDTH / 2, abs=8)
    assert columns.max() == pytest.approx(WIDTH / 2 + 25, abs=8)
    assert rows.mean() == pytest.approx(HEIGHT / 2, abs=2)


def test_each_candidate_has_a_picture_of_its_own_or_all_have_one() -> None:
    request = asking(going_to(0.2), going_to(-0.2), going_to(0.0, 0.1))
    alone = prepare(request, evidence(), ALONE)
    pictures = [question.evidence.keyframes["front"][-1].frame for question in alone.questions]
    assert (alone.voices, len(set(map(id, pictures)))) == (1, 3)
    together = prepare(request, evidence(), TOGETHER)
    asked = [(question.voice, question.candidate) for question in together.questions]
    assert asked == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    pictures = [question.evidence.keyframes["front"][-1].frame for question in together.questions]
    assert len(set(map(id, pictures))) == 2, "one for each order, so that the model is asked once for each"
    numbers = [question.evidence.drawing.number for question in together.questions if question.evidence.drawing]
    assert sorted(numbers[:3]) == sorted(numbers[3:]) == [1, 2, 3]
    assert all(one != other for one, other in zip(numbers[:3], numbers[3:], strict=True))


@given(st.integers(2, 40))
def test_in_the_other_order_everything_has_another_place(count: int) -> None:
    other = half_turned(range(count))
    assert sorted(other) == list(range(count))
    assert all(index != place for place, index in enumerate(other))


def test_joints_are_drawn_by_the_urdf() -> None:
    canvas = Canvas(DrawnAs.ALONE, CAMERAS, Arm.of_urdf(URDF, "hand"))
    prepared = prepare(asking(sliding(0.0, 0.1), sliding(0.0, 0.3)), evidence(), SteeringSettings(canvas=canvas))
    near, far = (rightmost(question.evidence) for question in prepared.questions)
    assert far - near == pytest.approx(0.2 * 125 / WIDTH, abs=0.02)


# Which way is taken


def test_frames_come_before_paths_where_both_show_as_many() -> None:
    both = replace(going_to(0.2), frames=predicting().frames)
    prepared = prepare(asking(both, both), evidence(), ALONE)
    assert [question.evidence.drawing for question in prepared.questions] == [None, None]
    mixed = prepare(asking(predicting(), going_to(0.2)), evidence(), ALONE)
    assert [question.candidate for question in mixed.questions] == [0]
    assert "no predicted frames, which the others show" in reasons(mixed)[1]


def test_paths_are_drawn_where_they_show_more_of_the_candidates() -> None:
    both = replace(going_to(0.2), frames=predicting().frames)
    prepared = prepare(asking(both, going_to(0.1), going_to(-0.1), predicting()), evidence(), ALONE)
    assert [question.candidate for question in prepared.questions] == [0, 1, 2]
    assert all(question.evidence.drawing is not None for question in prepared.questions)
    assert "no path that can be drawn" in reasons(prepared)[3]


# What is missing


@pytest.mark.parametrize(
    ("candidate", "canvas", "message"),
    [
        (Candidate(), ALONE.canvas, "no predicted frames, no path and no joint trajectory"),
        (going_to(0.2), None, "this judge cannot read drawn paths.*token_reward or path_choice"),
        (going_to(0.2), Canvas(DrawnAs.ALONE), "not known where the camera front is"),
        (going_to(0.2, frame_id="world"), ALONE.canvas, "front: The path is in the frame world"),
        (sliding(0.0, 0.1), ALONE.canvas, "no URDF tells where"),
        (
            Candidate(joints=JointTrajectory(("neck",), np.zeros(1), np.zeros((1, 1)))),
            Canvas(DrawnAs.ALONE, CAMERAS, Arm.of_urdf(URDF, "hand")),
            "lacks slide",
        ),
        (
            Candidate(path=replace(going_to(0.0).path, positions=np.array([[0.0, 0.0, -1.0]] * 2))),  # type: ignore[type-var]
            ALONE.canvas,
            "outside the picture of front",
        ),
    ],
)
def test_what_cannot_be_shown_is_missing_evidence_with_the_reason(
    candidate: Candidate, canvas: Canvas | None, message: str
) -> None:
    prepared = prepare(asking(candidate), evidence(), SteeringSettings(canvas=canvas))
    assert not prepared.questions
    assert re.search(message, reasons(prepared)[0])


@pytest.mark.parametrize("method", ["embedded", "reference", "critique", "pairwise"])
def test_a_judge_that_cannot_read_drawings_has_no_canvas(method: str) -> None:
    assert Canvas.for_judge(method, CAMERAS) is None


def test_a_judge_that_can_gets_the_canvas_that_it_can_read() -> None:
    drawn = [Canvas.for_judge(method, Cameras()) for method in ("token_reward", "path_choice")]
    assert [canvas and canvas.drawn_as for canvas in drawn] == [DrawnAs.ALONE, DrawnAs.TOGETHER]


def test_a_broken_picture_is_told() -> None:
    class Broken:
        size_bytes, form = 0, "broken"

        def rgb(self) -> np.ndarray:
            raise BrokenImage(FrameFault.UNDECODABLE, "The jpeg image is damaged.")

        grey = rgb

    seen = evidence()
    broken = Frame("front", NOW_NS, Broken(), np.zeros((24, 32), np.uint8))
    seen = replace(seen, keyframes={"front": (Keyframe(broken, FrameRole.NEWEST),)})
    assert "is damaged" in reasons(prepare(asking(going_to(0.2)), seen, ALONE))[0]


def test_of_more_paths_than_can_be_told_apart_those_are_drawn_that_the_policy_prefers() -> None:
    prepared = prepare(asking(*(going_to(0.02 * index) for index in range(MOST_TOGETHER + 2))), evidence(), TOGETHER)
    assert sorted(reasons(prepared)) == [MOST_TOGETHER, MOST_TOGETHER + 1]
    assert len({question.candidate for question in prepared.questions}) == MOST_TOGETHER


# Asked one by one


class FartherRight(KnownScorer):
    """The farther to the right something is drawn on the last picture, the more certain it is."""

    def log_probability(self, frames: Sequence[Frame], number: int) -> float:
        changed = (frames[-1].image.rgb() != GREY).any(axis=2)
        return -4.0 + 4.0 * float(np.nonzero(changed)[1].max()) / WIDTH


def test_a_model_that_sees_the_drawn_path_chooses_by_it() -> None:
    scorer = FartherRight()
    judge = TokenRewardJudge(scorer, load_prompt_set(), load_calibration(), 2, drawn=load_prompt_set(DRAWN_PROMPT_SET))
    answer = CandidateScorer(judge, ALONE).score(asking(going_to(-0.1), going_to(0.4), going_to(0.2)), evidence())
    assert answer.choice.index == 1
    assert all(candidate.state is CandidateState.SCORED for candidate in answer.candidates)
    assert answer.provenance.prompt_set == DRAWN_PROMPT_SET
    assert all("1.5 s" in prompt and "close the drawer" in prompt for prompt in scorer.prompts)
    assert not any(isinstance(piece, str) and "6.5" in piece for piece in scorer.contents[0])


# Asked about all of them


def best_of(judge: Judge, *candidates: Candidate) -> ScoringAnswer:
    return CandidateScorer(judge, TOGETHER).score(asking(*candidates), evidence())


def judge_that(answer: Answer | None = None, named: object = None) -> tuple[PathChoiceJudge, KnownWriter]:
    writer = KnownWriter([answer]) if answer is not None else KnownWriter(named)  # type: ignore[arg-type]
    return PathChoiceJudge(writer, PATH_CHOICE, 2), writer


def names_the_rightmost_way(writing: Writing) -> Answer:
    """Finds the path that leads farthest to the right by its colour, as one who reads the picture would."""
    picture = frames(writing)[-1].image.rgb().astype(int)
    ends = {}
    for number in (1, 2, 3):
        like = np.abs(picture - np.array(numbered_colour(number, 1.0))).max(axis=2) < 8
        if like.any():
            ends[number] = np.nonzero(like)[1].max()
    return {"seen": "ways", "path": max(ends, key=lambda number: int(ends[number]))}


def test_the_path_that_is_named_in_both_orders_is_chosen_with_two_calls() -> None:
    judge, writer = judge_that(named=names_the_rightmost_way)
    answer = best_of(judge, going_to(0.0, 0.2), going_to(0.4), going_to(-0.3))
    assert answer.choice.index == 1
    assert [candidate.score for candidate in answer.candidates] == [0.0, 1.0, 0.0]
    assert len(writer.writings) == 2
    assert "named this path" in answer.candidates[1].reason


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_model_that_goes_by_the_number_chooses_nobody(number: int, count: int) -> None:
    judge, _ = judge_that({"seen": "", "path": min(number, count)})
    answer = best_of(judge, *(going_to(0.1 * index) for index in range(count)))
    assert answer.choice.abstained
    assert max(candidate.score for candidate in answer.candidates) == 0.5


def test_a_model_that_cannot_tell_chooses_nobody_and_says_so() -> None:
    judge, _ = judge_that({"seen": "too dark", "path": 0})
    answer = best_of(judge, going_to(0.1), going_to(0.2))
    assert answer.choice.abstained
    assert [candidate.state for candidate in answer.candidates] == [CandidateState.NOT_SCORED] * 2
    assert "too dark" in answer.candidates[0].reason


def test_a_number_that_is_not_drawn_is_no_answer() -> None:
    judge, writer = judge_that({"seen": "", "path": 3})
    assert best_of(judge, going_to(0.1), going_to(0.2)).choice.abstained
    assert len(writer.writings) == 4, "it was told once in each order what is wrong"
    assert any("no path 3; the last one is 2" in str(piece) for piece in writer.writings[1].content)


def test_an_answer_in_one_order_alone_chooses_nobody() -> None:
    prepared = prepare(asking(going_to(0.1), going_to(0.2)), evidence(), TOGETHER)
    asked = prepared.questions
    votes = [Opinion(question.evidence, WHO, progress=float(question.candidate == 1)) for question in asked]
    whole = conclude(prepared, votes, TOGETHER, WHO)
    cut = conclude(prepared, [*votes[:2], None, None], TOGETHER, WHO)
    assert whole.choice.index == 1
    assert cut.choice.abstained
    assert {candidate.state for candidate in cut.candidates} == {CandidateState.NOT_SCORED}


def test_it_says_nothing_about_pictures_without_paths() -> None:
    judge, writer = judge_that({"seen": "", "path": 1})
    assert judge.ask(evidence()).declined
    assert not writer.writings


def test_nothing_of_the_evidence_is_lost_on_the_way_to_the_judges_process() -> None:
    (one,) = prepare(asking(going_to(0.2)), evidence(), ALONE).questions
    ask = SentFrames().ask(AskedQuestion(one.evidence, asked_s=0.0, deadline_s=1.0))
    assert set(ask.about) == {entry.name for entry in fields(Evidence)} - {"keyframes"}
    assert ask.about["drawing"] == one.evidence.drawing
