"""The token reward with models of known behaviour, fed as the node feeds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_scorers import BrightnessScorer, CountingScorer, KnownScorer, OrderScorer
from judges.shown_episode import evidence

from vlm_judge_ros.episode.drawing import Drawing, DrawnAs
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, load_calibration
from vlm_judge_ros.judges.opinion import Cancellable, Opinion
from vlm_judge_ros.judges.prompt_set import PromptSet, load_prompt_set
from vlm_judge_ros.judges.token_reward import TokenRewardJudge
from vlm_judge_ros.judges.views import same_number, shown
from vlm_judge_ros.models.scorer import AnswerScore, Content
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.settings import CameraSettings, EngineSettings, KeyframeChoice
from vlm_judge_ros.verdict.verdict import State, Verdict

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
IMAGES = 6
CAMERAS = ("front", "wrist")

FITTED = {
    "name": "fitted",
    "fitted": True,
    "model_hash": KnownScorer.file_hash,
    "prompt_hash": load_prompt_set().content_hash,
    "progress": {"kind": "piecewise_linear", "scores": [-8.0, 0.0], "values": [0.0, 1.0]},
    "success": {"kind": "logistic", "midpoint": -1.0, "slope": 8.0},
}


def frame(camera: str, time_s: float, level: float) -> Frame:
    pixels = np.full((24, 32, 3), round(255 * level), np.uint8)
    pixels[:4, :4] = round(time_s * 10) % 2 * 40  # so that no camera counts as frozen
    image = RawImage(pixels.reshape(-1), 32, 24, "rgb8", 96)
    return Frame(camera, START + round(time_s * SECOND), image, image.thumbnail())


def judge_of(scorer: KnownScorer, calibration: Calibration | None = None, prompts: str = "") -> TokenRewardJudge:
    return TokenRewardJudge(scorer, load_prompt_set(prompts), calibration or load_calibration(), IMAGES)


def judged(
    judge: TokenRewardJudge, levels: Sequence[float], choice: KeyframeChoice = KeyframeChoice.STEADY
) -> tuple[list[Opinion], list[Verdict]]:
    """What becomes of an episode of ten frames a second and camera, with a question every second."""
    # What this judge calls complete is white.
    cameras = tuple(CameraSettings(name, CameraLimits(overexposed_share=0.0)) for name in CAMERAS)
    engine = Engine(EngineSettings(cameras, spread_count=IMAGES, keyframe_choice=choice))
    engine.start_episode("one", "lift the cube", START)
    opinions, verdicts = [], []
    for index, level in enumerate(levels):
        time_s = index / 10
        now_ns = START + round(time_s * SECOND)
        for camera in CAMERAS:
            assert engine.add_frame(frame(camera, time_s, level), now_ns) is None
        engine.add_joint_state(JointSample(now_ns, ("elbow",), (math.sin(time_s),)))
        request = engine.due(now_ns)
        if request is not None and request.evidence is not None:
            opinions.append(judge.ask(request.evidence))
            verdicts.append(engine.add_opinion(opinions[-1], now_ns))
    return opinions, verdicts


def progress(opinions: Sequence[Opinion]) -> list[float]:
    return [opinion.progress for opinion in opinions]


RISING = list(np.linspace(0.1, 0.9, 301))
FROZEN = [0.5] * 301


# Controls


def test_progress_follows_what_the_model_sees() -> None:
    opinions, _ = judged(judge_of(BrightnessScorer()), RISING)
    values = progress(opinions)
    assert len(values) == 30
    assert all(after > before for before, after in pairwise(values))
    # The unfitted calibration has fixed ends: nothing is stretched to what an episode happens to show.
    assert 0.25 < values[0] < 0.4
    assert 0.85 < values[-1] < 0.95


def test_a_reversed_video_gives_falling_progress() -> None:
    opinions, verdicts = judged(judge_of(BrightnessScorer()), RISING[::-1])
    assert all(after < before for before, after in pairwise(progress(opinions)))
    assert State.REGRESSING in {verdict.state for verdict in verdicts}


@pytest.mark.parametrize("scorer", [BrightnessScorer, CountingScorer, OrderScorer])
def test_a_frozen_video_gives_constant_progress(scorer: type[KnownScorer]) -> None:
    for choice in KeyframeChoice:
        opinions, _ = judged(judge_of(scorer()), FROZEN, choice)
        values = progress(opinions)
        assert len(values) == 30
        assert max(values) - min(values) < 1e-3


def test_a_model_that_counts_images_cannot_raise_progress() -> None:
    opinions, _ = judged(judge_of(CountingScorer()), RISING)
    assert len(set(progress(opinions))) == 1


def test_the_same_model_would_be_a_clock_if_images_were_added() -> None:
    """The control of the control: the bias is there, and the constant number is what removes it."""
    growing = [
        AnswerScore(CountingScorer().log_probability([frame("front", 0.0, 0.5)] * count, 0)) for count in range(1, 9)
    ]
    assert all(after.log_probability > before.log_probability for before, after in pairwise(growing))


def test_the_order_of_the_frames_reaches_the_model() -> None:
    permuted = np.random.default_rng(3).permutation(RISING).tolist()
    in_order, reverse, mixed = (
        float(np.mean(progress(judged(judge_of(OrderScorer()), levels)[0][5:])))
        for levels in (RISING, RISING[::-1], permuted)
    )
    assert in_order > mixed + 0.1 > reverse + 0.2


# What the model is shown


def test_most_questions_share_all_but_the_newest_frames_with_the_one_before() -> None:
    scorer = BrightnessScorer()
    judged(judge_of(scorer), [0.5] * 601)
    assert {len(content) for content in scorer.contents} == {2 * IMAGES * len(CAMERAS)}
    newest = 2 * len(CAMERAS)
    shared = [before[:-newest] == after[:-newest] for before, after in pairwise(scorer.contents)]
    assert sum(shared) / len(shared) > 0.7


def test_frames_are_labelled_with_camera_and_seconds_since_the_start_the_newest_last() -> None:
    scorer = BrightnessScorer()
    judged(judge_of(scorer), [0.5] * 101)
    content = scorer.contents[-1]
    frames = [piece for piece in content if isinstance(piece, Frame)]
    labels = [piece for piece in content if isinstance(piece, str)]
    assert labels == [
        f"{chr(10) if index else ''}{shot.camera} camera, {(shot.stamp_ns - START) / SECOND:.1f} s:"
        for index, shot in enumerate(frames)
    ]
    assert content[::2] == tuple(labels)
    assert [shot.camera for shot in frames] == list(CAMERAS) * IMAGES
    assert [shot.stamp_ns for shot in frames] == sorted(shot.stamp_ns for shot in frames)
    assert frames[-1].stamp_ns == START + 10 * SECOND


def test_every_wording_is_asked_about_the_task_and_the_answer_scored() -> None:
    scorer = BrightnessScorer()
    judged(judge_of(scorer), [0.5] * 11)
    assert len(scorer.prompts) == 10
    assert all(prompt.startswith("\n") and "lift the cube" in prompt for prompt in scorer.prompts)
    assert scorer.answers == [" True"]


@given(st.integers(1, 30), st.integers(1, 12))
def test_the_number_of_frames_is_constant_whatever_there_is(available: int, count: int) -> None:
    keyframes = [Keyframe(frame("front", index / 10, 0.5), FrameRole.SPREAD) for index in range(available)]
    chosen = same_number(keyframes, count)
    stamps = [shot.stamp_ns for shot in chosen]
    assert len(stamps) == count
    assert stamps == sorted(stamps)
    assert chosen[-1] is keyframes[-1].frame
    if min(available, count) > 1:
        assert chosen[0] is keyframes[0].frame
        assert stamps.count(stamps[-1]) == 1


def test_a_slow_camera_keeps_its_newest_frame_behind_all_older_ones() -> None:
    views = {
        "front": tuple(Keyframe(frame("front", time_s, 0.5), FrameRole.SPREAD) for time_s in (0.0, 1.0, 2.0)),
        "wrist": tuple(Keyframe(frame("wrist", time_s, 0.5), FrameRole.SPREAD) for time_s in (0.0, 0.5)),
    }
    evidence = Evidence("one", "lift", START, START + 2 * SECOND, views)
    frames = [piece for piece in shown(evidence, load_prompt_set().label_of, 3) if isinstance(piece, Frame)]
    assert [(shot.camera, (shot.stamp_ns - START) / SECOND) for shot in frames[-2:]] == [("wrist", 0.5), ("front", 2.0)]


def test_a_prompt_set_without_labels_shows_frames_alone() -> None:
    prompts = PromptSet(name="bare", prompts=("Is {task} done after {elapsed_s} s? It is",))
    scorer = BrightnessScorer()
    judged(TokenRewardJudge(scorer, prompts, load_calibration(), IMAGES), [0.5] * 21)
    assert all(isinstance(piece, Frame) for piece in scorer.contents[-1])
    assert scorer.prompts == ["\nIs lift the cube done after 2.0 s? It is"]


# What its answers become


def test_the_raw_score_is_the_mean_and_the_spread_of_the_prompts_is_the_interval() -> None:
    opinions, _ = judged(judge_of(BrightnessScorer(step=0.5)), FROZEN[:11])
    opinion = opinions[0]
    assert opinion.raw_score == pytest.approx(-4.0, abs=0.2)
    assert opinion.progress == pytest.approx(1 + opinion.raw_score / 10)
    assert opinion.progress_high - opinion.progress == pytest.approx(0.05)
    assert opinion.progress - opinion.progress_low == pytest.approx(0.05)


def test_one_prompt_has_no_spread() -> None:
    prompts = PromptSet(name="one", prompts=("Is {task} done? It is",))
    judge = TokenRewardJudge(BrightnessScorer(), prompts, load_calibration(), IMAGES)
    opinion = judged(judge, FROZEN[:11])[0][0]
    assert math.isnan(opinion.progress_low)
    assert math.isnan(opinion.progress_high)
    assert not math.isnan(opinion.progress)


def test_without_a_fit_success_is_never_granted_and_the_verdict_says_why() -> None:
    opinions, verdicts = judged(judge_of(BrightnessScorer()), [*RISING, *[1.0] * 100])
    assert opinions[-1].progress > 0.97
    assert all(math.isnan(opinion.success_probability) for opinion in opinions)
    assert all(math.isnan(opinion.failure_probability) for opinion in opinions)
    assert not any(opinion.calibrated for opinion in opinions)
    assert all("not fitted" in opinion.reason for opinion in opinions)
    assert {verdict.state for verdict in verdicts} <= {State.PROGRESSING, State.STALLED}
    told = next(verdict for verdict in verdicts if verdict.state is State.PROGRESSING)
    assert told.reason.endswith("and cannot tell whether it is complete.")
    assert told.success_probability is None


def test_with_a_fit_success_needs_the_probability_and_the_motion() -> None:
    fitted = Calibration.model_validate(FITTED)
    opinions, verdicts = judged(judge_of(BrightnessScorer(), fitted), [*RISING, *[1.0] * 40])
    assert opinions[-1].calibrated
    assert opinions[-1].success_probability > 0.95
    assert opinions[0].success_probability < 0.05
    assert verdicts[0].state is State.PROGRESSING
    assert verdicts[-1].state is State.SUCCEEDED


def test_a_mere_bound_is_no_score() -> None:
    class Bounded(BrightnessScorer):
        def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
            return [AnswerScore(-9.0, is_bound=number == 0) for number in range(len(prompts))]

    opinions, verdicts = judged(judge_of(Bounded()), FROZEN[:11])
    assert opinions[0].declined
    assert math.isnan(opinions[0].raw_score)
    assert opinions[0].raw_score_bound == -9.0
    assert verdicts[0].state is State.UNKNOWN
    assert "below -9.00" in verdicts[0].reason


@pytest.mark.parametrize("wrong", [[math.nan] * 10, [0.5] * 10, [-1.0]])
def test_log_probabilities_that_are_none_are_refused(wrong: list[float]) -> None:
    class Broken(BrightnessScorer):
        def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
            return [AnswerScore(value) for value in wrong]

    with pytest.raises(JudgeError, match="The model known answered 10 prompts with the log-probabilities"):
        judged(judge_of(Broken()), FROZEN[:11])


def test_an_impossible_answer_is_no_progress_and_no_crash() -> None:
    class Never(BrightnessScorer):
        def log_probability(self, frames: Sequence[Frame], number: int) -> float:
            return -math.inf

    opinion = judged(judge_of(Never()), FROZEN[:11])[0][0]
    assert opinion.progress == 0.0
    assert math.isnan(opinion.progress_low)


def test_the_provenance_names_model_prompts_and_calibration_with_their_hashes() -> None:
    provenance = judge_of(BrightnessScorer()).provenance
    prompts, calibration = load_prompt_set(), load_calibration()
    assert (provenance.model, provenance.model_hash, provenance.provider) == ("known", "0123456789abcdef", "cpu")
    assert (provenance.method, provenance.prompt_set) == ("token_reward", "ten-v1")
    assert provenance.prompt_hash == prompts.content_hash
    assert provenance.calibration == f"unfitted-v1 {calibration.content_hash}"


def test_a_calibration_of_another_instrument_is_refused() -> None:
    for change, words in (
        ({"model_hash": "f" * 16}, "the model f{16}, and this one is 0123456789abcdef"),
        ({"prompt_hash": "f" * 16}, "the prompt set f{16}"),
    ):
        with pytest.raises(JudgeError, match=words):
            judge_of(BrightnessScorer(), Calibration.model_validate({**FITTED, **change}))


def test_wordings_about_drawn_paths_and_others_are_not_taken_for_each_other() -> None:
    usual, drawn = load_prompt_set(), load_prompt_set("drawn-v1")
    with pytest.raises(JudgeError, match="drawn-v1 is about drawn paths"):
        TokenRewardJudge(BrightnessScorer(), drawn, load_calibration(), IMAGES)
    with pytest.raises(JudgeError, match="ten-v1 is about what the cameras saw"):
        TokenRewardJudge(BrightnessScorer(), usual, load_calibration(), IMAGES, drawn=usual)


def test_without_words_for_a_drawn_path_it_says_nothing_of_one() -> None:
    seen = replace(evidence([0.5]), drawing=Drawing(DrawnAs.ALONE, 1, 1, 2.0))
    scorer = BrightnessScorer()
    assert judge_of(scorer).ask(seen).declined
    assert not scorer.contents


def test_it_can_be_cancelled() -> None:
    scorer = BrightnessScorer()
    cancelled = []
    scorer.cancel = lambda: cancelled.append(True)  # type: ignore[method-assign]
    judge = judge_of(scorer)
    assert isinstance(judge, Cancellable)
    judge.cancel()
    assert cancelled == [True]
