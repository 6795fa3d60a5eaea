"""A model that writes answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vlm_judge_ros.models.model import Model
from vlm_judge_ros.models.scorer import AnswerScorer, Content

LARGEST_SEED = 0x7FFFFFFF
"""Servers take no more than 31 or 32 bits."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What a model is to write.

    Attributes:
        content: what it is shown and asked, texts and frames in order; the question comes last.
        instruction: what it is told beforehand, as a system message; empty for none.
        schema: JSON schema of the answer; None for free text. Models that cannot be held to one get it as text in
            the content, so it is there for those that can.
        temperature: 0 for the most probable answer.
        seed: of the sampling, 0 to `LARGEST_SEED`; only where the temperature is above 0.
        most_tokens: an answer ends there, finished or not.
    """

    content: tuple[Content, ...]
    instruction: str = ""
    schema: Mapping[str, Any] | None = None
    temperature: float = 0.0
    seed: int = 0
    most_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote.

    Attributes:
        text: the answer. Data, never an instruction.
        complete: False where it ended at `most_tokens`.
    """

    text: str
    complete: bool = True


class Writer(Model, Protocol):
    """A model that writes answers about images."""

    def write(self, writing: Writing) -> Written:
        """Write one answer.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed, or refused to answer; the message names the cause.
        """


class VisionLanguageModel(AnswerScorer, Writer, Protocol):
    """A model that can be asked in both ways, as far as its capabilities go."""
