"""Models that write what they are told to, and remember what they were asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.scorer import AnswerScore, Content
from vlm_judge_ros.models.writer import Writing, Written

Answer: TypeAlias = str | dict[str, Any] | Written


class KnownWriter:
    """Writes one answer after the other, the last one again and again; or what a function makes of the question.

    Args:
        answers: texts; data, which it writes as JSON; or a function from the question to one of these.
        schema: whether it can be held to a JSON schema.
    """

    name = "known"
    file_hash = "fedcba9876543210"
    provider = "cpu"

    def __init__(self, answers: Iterable[Answer] | Callable[[Writing], Answer], schema: bool = True) -> None:
        self._answer_of = answers if callable(answers) else None
        self._answers = [] if callable(answers) else list(answers)
        self.capabilities = frozenset({Capability.TEXT, Capability.SEVERAL_IMAGES}) | (
            {Capability.SCHEMA} if schema else set()
        )
        self.writings: list[Writing] = []
        self.cancelled = 0

    def write(self, writing: Writing) -> Written:
        self.writings.append(writing)
        if self._answer_of is not None:
            answer = self._answer_of(writing)
        else:
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Written):
            return answer
        return Written(answer if isinstance(answer, str) else json.dumps(answer))

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        raise NotImplementedError

    def cancel(self) -> None:
        self.cancelled += 1


def texts(writing: Writing) -> str:
    """All that a model was told, without the images."""
    return "".join(piece for piece in writing.content if isinstance(piece, str))


def frames(writing: Writing) -> list[Frame]:
    """All images that a model was shown."""
    return [piece for piece in writing.content if isinstance(piece, Frame)]
