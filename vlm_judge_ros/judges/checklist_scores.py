"""The steps of a task, each scored by itself over the same images."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from vlm_judge_ros.judges.calibration import Calibration
from vlm_judge_ros.judges.checklist_file import Checklist
from vlm_judge_ros.judges.checklist_prompt import ChecklistPrompt
from vlm_judge_ros.judges.opinion import SubtaskOpinion, SubtaskState
from vlm_judge_ros.judges.scored_answer import checked_logs
from vlm_judge_ros.models.scorer import AnswerScorer, Content


@dataclass(frozen=True, slots=True)
class StepScore:
    """How far a step is; all NaN where only a bound is known.

    Attributes:
        low: lower end of an interval around progress: one standard deviation of the wordings.
        progress: 0 to 1, by the calibration.
        high: upper end of that interval.
        done: probability that it is done; NaN also where the calibration knows nothing of that.
    """

    low: float = math.nan
    progress: float = math.nan
    high: float = math.nan
    done: float = math.nan

    @property
    def state(self) -> SubtaskState:
        """Done or not, where that is known."""
        if math.isnan(self.done):
            return SubtaskState.UNKNOWN
        return SubtaskState.DONE if self.done >= 0.5 else SubtaskState.PENDING


def score_steps(
    scorer: AnswerScorer,
    prompt: ChecklistPrompt,
    calibration: Calibration,
    checklist: Checklist,
    content: Sequence[Content],
    task: str,
    elapsed_s: float,
) -> list[StepScore]:
    """Ask whether each step is done; all steps and wordings in one call.

    Raises:
        BrokenImage: a frame cannot be decoded.
        Cancelled: the call was cancelled.
        JudgeError: the model failed.
    """
    claims = [claim for step in checklist.subtasks for claim in prompt.claims(task, step, elapsed_s)]
    # What was shown ends with an image, so the prompt begins a line of its own.
    scores = scorer.score(content, [f"\n{claim}" for claim in claims], prompt.answer)
    logs = checked_logs(scorer, scores, len(claims))
    count = len(prompt.wordings)
    found = []
    for begin in range(0, len(claims), count):
        bounded = any(score.is_bound for score in scores[begin : begin + count])
        found.append(StepScore() if bounded else _score(logs[begin : begin + count], calibration))
    return found


def _score(logs: Sequence[float], calibration: Calibration) -> StepScore:
    mean = statistics.fmean(logs)
    spread = statistics.pstdev(logs) if math.isfinite(mean) else 0.0
    low, progress, high = (calibration.progress_of(value) for value in (mean - spread, mean, mean + spread))
    return StepScore(low, progress, high, calibration.success_probability_of(mean))


def subtasks_of(checklist: Checklist, scores: Sequence[StepScore]) -> tuple[SubtaskOpinion, ...]:
    """The steps with their scores."""
    return tuple(
        SubtaskOpinion(step.name, share, score.progress, score.state)
        for step, share, score in zip(checklist.subtasks, checklist.shares, scores, strict=True)
    )
