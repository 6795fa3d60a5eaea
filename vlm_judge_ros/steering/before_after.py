"""Whether a chunk that was executed was progress, by the frames before it and after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vlm_judge_ros.judges.comparison import PairwiseComparator, PairwisePrompt
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model
from vlm_judge_ros.judges.moment import Moment, read_moment
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import JudgeProvenance
from vlm_judge_ros.judges.pairwise import DEFAULT_PROMPT, MOST_SETS
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.writer import VisionLanguageModel

METHOD = "before_after"
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ChunkProgress:
    """What a chunk was worth.

    Attributes:
        score: 1 where it surely brought the task on, 0 where it surely set it back, 0.5 where it did neither; NaN where
            nothing is known.
        spread: how far the true score may be from that, 0 to 0.5; NaN where nothing is known.
        reason: one sentence.
    """

    score: float
    spread: float
    reason: str

    @property
    def abstained(self) -> bool:
        """Whether nothing is known."""
        return math.isnan(self.score)


class BeforeAfter:
    """Asks a model which of two moments is closer to done, in both orders.

    Args:
        model: scores, or writes.
        prompt: how it is asked.
        goal: what the finished task looks like; None to leave that out.
        start: what the task looks like before it is begun; None to leave that out.

    Raises:
        JudgeError: the model can do neither.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        prompt: PairwisePrompt,
        goal: Moment | None = None,
        start: Moment | None = None,
    ) -> None:
        self._comparator = PairwiseComparator(model, prompt, goal=goal, start=start, method=METHOD)
        self._model = model
        self._prompt = prompt

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return JudgeProvenance.of(self._model, METHOD, self._prompt.name, self._prompt.content_hash)

    def score(self, before: Moment, after: Moment, task: str) -> ChunkProgress:
        """Score a chunk that was executed; abstain where the answer depends on which moment is shown first.

        Args:
            before: the frames when it began, for example by `judges.moment.newest`.
            after: the frames when it was over.
            task: the instruction.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        comparison = self._comparator.compare(after, before, task)
        if comparison.unparsable:
            return ChunkProgress(math.nan, math.nan, f"The comparison cannot be read: {comparison.reason}")
        # The answers in the two orders lie this far on both sides of the score.
        if comparison.spread > abs(comparison.score) + _ROUNDING:
            reason = "Shown in the other order, the model prefers the other moment."
            return ChunkProgress(math.nan, math.nan, reason)
        told = f" {comparison.reason}" if comparison.reason else ""
        reason = f"Compared with before the chunk {comparison.score:+.2f}; +1.00 is closer to done.{told}"
        return ChunkProgress((1.0 + comparison.score) / 2.0, comparison.spread / 2.0, reason)

    def cancel(self) -> None:
        """Make the running `score` raise `Cancelled` as soon as the model can stop."""
        self._comparator.cancel()


def create(options: JudgeOptions) -> BeforeAfter:
    """Make one; options as for the judge `pairwise`, whose goal and start images are not needed here.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    prompt = load(PairwisePrompt, "prompt", options.prompts or DEFAULT_PROMPT, SHIPPED_FOLDER)
    goal = read_moment(options.goal_image, options.cameras, "goal_image") if options.goal_image else None
    start = read_moment(options.start_image, options.cameras, "start_image") if options.start_image else None
    opened = open_model(options, METHOD, most_images=MOST_SETS * len(options.cameras))
    return BeforeAfter(opened.model, prompt, goal, start)
