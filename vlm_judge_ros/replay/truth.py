"""What is known to be true about a recorded episode."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError


class EpisodeTruth(BaseModel):
    """How a recorded episode really went, as its recorder wrote it on `/ground_truth/episode`.

    Attributes:
        name: name of the episode.
        task: short name of the task, the same whatever the wording; empty where there is none.
        task_instruction: the instruction that was given.
        outcome: how it ended.
        failure_mode: the way in which it failed; NONE for a success.
        onset_s: seconds from the start of the episode to the start of the failure; None for a success.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1)
    task: str = ""
    task_instruction: str
    outcome: Literal["success", "failure"]
    failure_mode: str = FailureMode.NONE.name
    onset_s: float | None = Field(default=None, ge=0.0)

    @model_validator(mode="after")
    def _outcome_and_mode_agree(self) -> EpisodeTruth:
        if self.failure_mode not in FailureMode.__members__:
            raise ValueError(f"failure_mode {self.failure_mode!r} is not a known failure mode")
        if (self.outcome == "failure") != (self.failure_mode != FailureMode.NONE.name):
            raise ValueError(f"outcome {self.outcome!r} does not go with failure_mode {self.failure_mode!r}")
        return self

    @property
    def label(self) -> str:
        """`success`, or the failure mode."""
        return "success" if self.outcome == "success" else self.failure_mode

    @staticmethod
    def parse(text: str) -> EpisodeTruth:
        """Read the JSON that a recorder wrote.

        Raises:
            JudgeError: it is not JSON, or a field is missing or wrong.
        """
        try:
            return EpisodeTruth.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise JudgeError(
                f"The ground truth of the episode is not readable ({place}: {first['msg']}); record it again."
            ) from error
