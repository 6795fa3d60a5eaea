"""What a model has to answer when it is asked for a critique."""

from __future__ import annotations

from typing import Annotated

import pydantic

from vlm_judge_ros.judges.failure_code import FailureCode
from vlm_judge_ros.judges.told import told

# No number is bent into its range and no text into a number: an answer fits, or the model is asked again.
_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
_MOST_SUBTASKS = 20


def _can_be_shown(text: str) -> str:
    if not told(text):
        raise ValueError("there is no text that can be shown")
    return text


Share = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]
Sentence = Annotated[str, pydantic.AfterValidator(_can_be_shown)]


class SubtaskAnswer(pydantic.BaseModel):
    """One step of the task."""

    model_config = _STRICT

    name: Sentence
    progress: Share | None


class TrajectoryAnswer(pydantic.BaseModel):
    """How the robot has moved, each from 0 (bad) to 1."""

    model_config = _STRICT

    smoothness: Share | None
    efficiency: Share | None
    safety: Share | None


class IssueAnswer(pydantic.BaseModel):
    """The one thing to mend, and which image shows it. Whether there is such an image is not checked here."""

    model_config = _STRICT

    advice: Sentence
    camera: str | None
    second: pydantic.FiniteFloat | None


class CritiqueAnswer(pydantic.BaseModel):
    """The whole answer. Every key has to be there, first those that the others follow from; None: it cannot say."""

    model_config = _STRICT

    summary: Sentence
    subtasks: Annotated[list[SubtaskAnswer], pydantic.Field(max_length=_MOST_SUBTASKS)]
    task_completion: Share | None
    trajectory: TrajectoryAnswer
    failure_mode: FailureCode
    success_probability: Share | None
    failure_probability: Share | None
    issue: IssueAnswer | None
