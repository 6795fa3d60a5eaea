"""What a judge may ask of a vision-language model, wherever that runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.model import Model

Content: TypeAlias = str | Frame
"""A piece of what a model is shown: text, or an image."""


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """How readily a model gives one answer to one prompt.

    Attributes:
        log_probability: natural logarithm of the probability of the answer's first token, at most 0.
        is_bound: only an upper bound is known, because the token was not among those that the server told.
    """

    log_probability: float
    is_bound: bool = False


class AnswerScorer(Model, Protocol):
    """A model that can say how probable an answer is.

    What is shown comes first and is shared by all prompts, so that many prompts cost little more than one.
    """

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        """Score one answer to several prompts about the same content.

        Args:
            content: what is shown, in order.
            prompts: texts that follow the content; each is asked by itself.
            answer: the answer; where it is more than one token, the first one counts.

        Returns:
            One score per prompt.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed; the message names the cause.
        """


def first_word(answer: str) -> str:
    """The word of an answer whose token is scored.

    Raises:
        JudgeError: there is none.
    """
    word = re.match(r"\w+|\W", answer.strip())
    if word is None:
        raise JudgeError("The answer is empty; give a word such as True.")
    return word[0]
