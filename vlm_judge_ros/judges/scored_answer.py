"""Scores of answers, checked before anything is made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.model import Model
from vlm_judge_ros.models.scorer import AnswerScore

# Rounding may carry the logarithm of a probability near 1 above 0.
_ROUNDING = 1e-3


def checked_logs(model: Model, scores: Sequence[AnswerScore], prompts: int) -> list[float]:
    """The log-probabilities of one answer to so many prompts.

    Raises:
        JudgeError: there are more or fewer, or one is none.
    """
    logs = [score.log_probability for score in scores]
    if len(logs) != prompts or any(math.isnan(log) or log > _ROUNDING for log in logs):
        raise JudgeError(
            f"The model {model.name} answered {prompts} prompts with the log-probabilities {logs}; give it another "
            "precision or provider."
        )
    return logs
