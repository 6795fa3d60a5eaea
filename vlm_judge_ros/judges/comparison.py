"""Which of two moments is closer to done, asked in both orders."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import ClassVar, Literal

import pydantic

from vlm_judge_ros.judges.moment import Moment
from vlm_judge_ros.judges.places import check_places, check_wordings
from vlm_judge_ros.judges.scored_answer import checked_logs
from vlm_judge_ros.judges.told import told
from vlm_judge_ros.judges.written_answer import Unparsable, ask_for
from vlm_judge_ros.judges.written_prompt import WrittenPrompt
from vlm_judge_ros.models.model import Capability, require
from vlm_judge_ros.models.scorer import AnswerScore, Content
from vlm_judge_ros.models.writer import VisionLanguageModel, Writing

_MOST_TOKENS = 400
_QUOTED = 150


class PairwisePrompt(WrittenPrompt):
    """How a model is asked which of two sets of pictures is closer to done; one YAML file.

    Attributes:
        goal_label: text before a picture of the finished task, with `{camera}`.
        start_label: text before a picture of the task not begun, with `{camera}`.
        scored: compare the probabilities of two answers where the model tells them; else it writes which one it is.
        answers: what a model that scores would say for A and for B; the first token of each is what is scored.
        wordings: the questions whose answer is one of these, with `{task}`.
    """

    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task"})
    LABEL_PLACES: ClassVar[frozenset[str]] = frozenset({"side", "camera", "seconds"})

    goal_label: str
    start_label: str
    scored: bool = True
    answers: tuple[str, str] = (" A", " B")
    wordings: tuple[str, ...] = pydantic.Field(min_length=1, max_length=10)

    @pydantic.field_validator("label")
    @classmethod
    def _label_names_the_side(cls, label: str) -> str:
        if "side" not in check_places(label, cls.LABEL_PLACES):
            raise ValueError("the label has no {side}")
        return label

    @pydantic.field_validator("goal_label", "start_label")
    @classmethod
    def _other_labels_have_known_places(cls, label: str) -> str:
        check_places(label, {"camera"})
        return label

    @pydantic.field_validator("wordings")
    @classmethod
    def _wordings_name_the_task(cls, wordings: tuple[str, ...]) -> tuple[str, ...]:
        check_wordings("wording", wordings, "task", {"task"})
        return wordings


class PairwiseAnswer(pydantic.BaseModel):
    """What a model writes about two sets of pictures.

    Attributes:
        seen: what sets them apart.
        closer: the set that is closer to done.
        confidence: how sure that is, 0 to 1.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    seen: str
    closer: Literal["A", "B", "same"]
    confidence: float = pydantic.Field(ge=0.0, le=1.0)

    @property
    def score(self) -> float:
        """1 for A, -1 for B, 0 for the same, weakened by doubt."""
        return {"A": 1.0, "B": -1.0, "same": 0.0}[self.closer] * self.confidence


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which of two moments is closer to done.

    Attributes:
        score: -1 (surely the second) to 1 (surely the first); NaN where the answers cannot be read.
        spread: how far the true score may be from that, 0 to 1: half of what the order of the two changes, and what
            bounds of probabilities leave open. 1 says that nothing is known.
        reason: what was seen, or what is wrong with the answers.
        unparsable: the model answered, and what it wrote cannot be read.
    """

    score: float
    spread: float
    reason: str = ""
    unparsable: bool = False


class PairwiseComparator:
    """Compares moments, episodes or candidates. Each pair is asked about in both orders.

    So a model that prefers what comes first, or last, gives a score of 0 with a spread of 1, and no answer.

    Args:
        model: scores, or writes.
        prompt: how it is asked.
        goal: what the finished task looks like; None to leave that out.
        start: what the task looks like before it is begun; None to leave that out.
        method: for people.

    Raises:
        JudgeError: the model can do neither.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        prompt: PairwisePrompt,
        goal: Moment | None = None,
        start: Moment | None = None,
        method: str = "pairwise",
    ) -> None:
        self._scores = Capability.LOG_PROBABILITIES in model.capabilities and (
            prompt.scored or Capability.TEXT not in model.capabilities
        )
        needed = Capability.LOG_PROBABILITIES if self._scores else Capability.TEXT
        require(model, {needed, Capability.SEVERAL_IMAGES}, method)
        self._model = model
        self._prompt = prompt
        self._goal = goal
        self._start = start

    def compare(self, first: Moment, second: Moment, task: str) -> Comparison:
        """Find out which of two moments is closer to the completion of a task.

        Cameras that only one of the two has are left out, where there are others.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        both = first.cameras & second.cameras
        if both:
            first, second = first.of(both), second.of(both)
        if first.is_same(second):
            return Comparison(0.0, 0.0, "Both show the same images.")
        asked = self._scored if self._scores else self._written
        before = asked(first, second, task)
        if isinstance(before, Unparsable):
            return Comparison(math.nan, math.nan, before.reason, unparsable=True)
        after = asked(second, first, task)
        if isinstance(after, Unparsable):
            return Comparison(math.nan, math.nan, after.reason, unparsable=True)
        return _both(before, after)

    def cancel(self) -> None:
        """Make the running `compare` raise `Cancelled` as soon as the model can stop."""
        self._model.cancel()

    def _content(self, a: Moment, b: Moment) -> list[Content]:
        prompt = self._prompt
        content: list[Content] = []
        for label, context in ((prompt.start_label, self._start), (prompt.goal_label, self._goal)):
            # What is itself compared is not given away before.
            if context is not None and not any(context.shares(moment) for moment in (a, b)):
                for frame in context.frames:
                    content += [f"\n{label.format(camera=frame.camera)}", frame]
        for side, moment in (("A", a), ("B", b)):
            end_ns = max(frame.stamp_ns for frame in moment.frames)
            for frame in moment.frames:
                seconds = f"{(end_ns - frame.stamp_ns) * 1e-9:.1f}"
                content += [f"\n{prompt.label.format(side=side, camera=frame.camera, seconds=seconds)}", frame]
        content[0] = str(content[0]).lstrip("\n")
        return content

    def _scored(self, a: Moment, b: Moment, task: str) -> _Asked:
        content = self._content(a, b)
        wordings = [f"\n{wording.format(task=task)}" for wording in self._prompt.wordings]
        for_a, for_b = (self._model.score(content, wordings, answer) for answer in self._prompt.answers)
        for scores in (for_a, for_b):
            checked_logs(self._model, scores, len(wordings))
        ranges = [_range(one, other) for one, other in zip(for_a, for_b, strict=True)]
        return _Asked(statistics.fmean(low for low, _ in ranges), statistics.fmean(high for _, high in ranges), "")

    def _written(self, a: Moment, b: Moment, task: str) -> _Asked | Unparsable:
        content = (*self._content(a, b), f"\n{self._prompt.question.format(task=task)}")
        writing = Writing(content, self._prompt.instruction, most_tokens=_MOST_TOKENS)
        read = ask_for(PairwiseAnswer, self._model, writing, self._prompt)
        if isinstance(read, Unparsable):
            return read
        return _Asked(read.answer.score, read.answer.score, told(read.answer.seen, _QUOTED))


@dataclass(frozen=True, slots=True)
class _Asked:
    """An answer in one order: the least and the most that it may say for A, and in which words."""

    low: float
    high: float
    seen: str


def _range(for_a: AnswerScore, for_b: AnswerScore) -> tuple[float, float]:
    """Least and most of P(A) - P(B), relative to their sum. A bound leaves everything below it open."""
    low_a = -math.inf if for_a.is_bound else for_a.log_probability
    low_b = -math.inf if for_b.is_bound else for_b.log_probability
    return _difference(low_a, for_b.log_probability, -1.0), _difference(for_a.log_probability, low_b, 1.0)


def _difference(log_a: float, log_b: float, unknown: float) -> float:
    if log_a == log_b == -math.inf:
        return unknown
    return math.tanh((log_a - log_b) / 2.0)


def _both(before: _Asked, after: _Asked) -> Comparison:
    """What two answers in different orders come to, as a score of what was A in the first of them."""
    one, other = (before.low + before.high) / 2.0, -(after.low + after.high) / 2.0
    open_ = (before.high - before.low + after.high - after.low) / 4.0
    return Comparison(
        score=(one + other) / 2.0,
        spread=min(1.0, abs(one - other) / 2.0 + open_),
        reason=before.seen or after.seen,
    )
