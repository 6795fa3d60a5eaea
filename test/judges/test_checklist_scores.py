"""The checklist with models that score."""

from __future__ import annotations

import math
from typing import Any

import pytest
from judges.known_checklist import LINEAR, STEPS, judge_of
from judges.known_scorers import BrightnessScorer, KnownScorer
from judges.known_writers import KnownWriter
from judges.shown_episode import evidence as seen

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import SubtaskState
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.scorer import AnswerScore
from vlm_judge_ros.models.writer import Writing


class StepScorer(KnownScorer):
    """Certain of the first steps, as many as it is told; each step has two wordings."""

    def __init__(self, done: int) -> None:
        super().__init__()
        self._done = done

    def log_probability(self, frames: Any, number: int) -> float:
        return -0.1 if number // 2 < self._done else -7.0 + number % 2


def test_each_step_is_scored_by_itself_over_the_same_images() -> None:
    scorer = StepScorer(done=2)
    opinion = judge_of(scorer, calibration=LINEAR).ask(seen([0.1, 0.2]))
    assert len(scorer.contents) == 1
    assert len(scorer.prompts) == 6
    assert "the cube is in the air" in scorer.prompts[4]
    assert scorer.answers == [" True"]
    assert [entry.state for entry in opinion.subtasks] == [SubtaskState.DONE, SubtaskState.DONE, SubtaskState.PENDING]
    assert opinion.progress == pytest.approx(0.5 * (1 - 0.1 / 8) + 0.5 * 1.5 / 8)
    assert opinion.progress_low < opinion.progress < opinion.progress_high
    assert opinion.success_probability < 0.01
    assert judge_of(StepScorer(done=3), calibration=LINEAR).ask(seen([0.1])).success_probability > 0.99


def test_without_a_fit_scores_tell_no_states_and_no_success() -> None:
    opinion = judge_of(StepScorer(done=3)).ask(seen([0.1]))
    assert {entry.state for entry in opinion.subtasks} == {SubtaskState.UNKNOWN}
    assert math.isnan(opinion.success_probability)
    assert "not fitted" in opinion.reason
    assert 0.0 < opinion.progress < 1.0


def test_a_mere_bound_of_one_step_is_no_progress() -> None:
    class Bounded(StepScorer):
        def score(self, content: Any, prompts: Any, answer: str) -> list[AnswerScore]:
            return [AnswerScore(-9.0, is_bound=index == 4) for index in range(len(prompts))]

    opinion = judge_of(Bounded(done=0)).ask(seen([0.1]))
    assert opinion.declined
    assert opinion.reason.endswith("for lift.")
    assert not math.isnan(opinion.subtasks[0].progress)


def test_a_model_that_only_scores_needs_the_steps_written_down() -> None:
    with pytest.raises(JudgeError, match="set the parameter checklist to a file with the steps"):
        judge_of(BrightnessScorer(), own=False)
    opinion = judge_of(BrightnessScorer()).ask(seen([0.1], task="open the drawer"))
    assert opinion.declined
    assert not opinion.unparsable
    assert 'only for "lift the cube"' in opinion.reason


def test_a_model_that_writes_scores_step_by_step_where_the_prompt_says_so() -> None:
    class Both(StepScorer):
        capabilities = StepScorer.capabilities | {Capability.TEXT}

        def write(self, writing: Writing) -> Any:
            return KnownWriter([{"subtasks": STEPS[:2]}]).write(writing)

    scorer = Both(done=1)
    assert len(judge_of(scorer, own=False, words="checklist-scored-v1").ask(seen([0.1])).subtasks) == 2
    assert len(scorer.prompts) == 4
    with pytest.raises(JudgeError, match="needs log-probabilities"):
        judge_of(KnownWriter([""]), words="checklist-scored-v1")


def test_a_model_that_can_do_neither_is_refused_when_the_judge_is_made() -> None:
    class Mute(KnownScorer):
        capabilities = frozenset({Capability.SEVERAL_IMAGES})

    with pytest.raises(JudgeError, match="checklist needs written answers"):
        judge_of(Mute())


def test_log_probabilities_that_are_none_are_refused() -> None:
    class Broken(KnownScorer):
        def log_probability(self, frames: Any, number: int) -> float:
            return math.nan

    with pytest.raises(JudgeError, match="answered 6 prompts with the log-probabilities"):
        judge_of(Broken()).ask(seen([0.1]))
