"""The pairwise judge: the newest moment is compared with moments whose progress is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.comparison import PairwiseComparator, PairwisePrompt
from vlm_judge_ros.judges.context import ContextSource, PromptNames
from vlm_judge_ros.judges.example_bank import ExampleBank
from vlm_judge_ros.judges.example_choice import TokenEstimate
from vlm_judge_ros.judges.example_context import ExampleSource, status_of
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model
from vlm_judge_ros.judges.moment import Moment, Reference, first, newest, of_demonstration, read_moment
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.placement import place
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.writer import VisionLanguageModel
from vlm_judge_ros.tasks.words import same_words

METHOD = "pairwise"
DEFAULT_PROMPT = "pairwise-v1"
MOST_REFERENCES = 7
"""References of one question; of more an even choice. Each is asked about twice."""
MOST_SETS = 4
"""Sets of images in one question: the two that are compared, the goal and the start."""
MOST_BLURRED = 0.5
"""Where doubt leaves more than this of the task open, nothing is said."""


class PairwiseJudge:
    """Compares the newest frames with references, and places them among these.

    The start of the task stands for 0, the goal image for 1, and moments of examples of the same task for their
    rewards. Progress is absolute: nothing is stretched to what an episode shows. Whether the task is complete is not
    said, because to be as close to done as a picture is not to be done.

    Args:
        model: scores, or writes.
        prompt: how it is asked.
        goal: what the finished task looks like; None where only examples tell.
        start: what the task looks like before it is begun; None for the first frames of the episode.
        examples: from a task to attempts, of which those with rewards are used; None for none.
        status: one sentence about how the model runs.

    Raises:
        JudgeError: the model cannot do this, or there is nothing to compare with.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        prompt: PairwisePrompt,
        goal: Moment | None = None,
        start: Moment | None = None,
        examples: ContextSource | None = None,
        status: str = "",
    ) -> None:
        check_references(goal is not None, examples is not None)
        self._comparator = PairwiseComparator(model, prompt, goal=goal, start=start, method=METHOD)
        self._model = model
        self._goal = goal
        self._start = start
        self._examples = examples
        names = PromptNames(prompt.name, prompt.content_hash)
        self._names = names if examples is None else examples.names(names)
        self._pictures = _hash_of(goal, start)
        self.status = status

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is; the prompt set names the goal and start images by a hash."""
        prompt_set = f"{self._names.prompt_set}{f', pictures {self._pictures}' if self._pictures else ''}"
        return JudgeProvenance.of(self._model, METHOD, prompt_set, self._names.prompt_hash)

    def ask(self, evidence: Evidence) -> Opinion:
        """Place the newest frames among the references.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        now = newest(evidence)
        # What no camera shows of both cannot be compared.
        references = [each for each in self._references(evidence) if each.moment.cameras & now.cameras]
        if not any(reference.progress > 0.0 for reference in references):
            seen = " or ".join(sorted(now.cameras))
            reason = f"There is no goal image, and no example of this task with known rewards, that {seen} took."
            return Opinion(evidence, self.provenance, reason=reason)
        compared = [(each, self._comparator.compare(now, each.moment, evidence.task)) for each in references]
        readable = [(each, comparison) for each, comparison in compared if not comparison.unparsable]
        if len(readable) < 2:
            fault = next(comparison.reason for _, comparison in compared if comparison.unparsable)
            reason = f"Only {len(readable)} of {len(compared)} comparisons can be read: {fault}"
            return Opinion(evidence, self.provenance, reason=reason, unparsable=True)
        found = place([each.progress for each, _ in readable], [comparison for _, comparison in readable])
        scores = ", ".join(f"{each.name} {comparison.score:+.2f}" for each, comparison in readable)
        if found.blurred > MOST_BLURRED:
            reason = f"The comparisons do not tell, or depend on the order of the pictures ({scores})."
            return Opinion(evidence, self.provenance, reason=reason)
        told = next((comparison.reason for _, comparison in reversed(readable) if comparison.reason), "")
        return Opinion(
            evidence=evidence,
            provenance=self.provenance,
            progress=found.progress,
            progress_low=found.low,
            progress_high=found.high,
            raw_score=readable[-1][1].score,
            reason=f"Compared with {scores}; +1.00 is closer to done.{f' {told}' if told else ''}",
        )

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the model can stop."""
        self._comparator.cancel()

    def _references(self, evidence: Evidence) -> list[Reference]:
        """What there is to compare with, by rising progress."""
        found = [Reference(0.0, self._start or first(evidence), "the start")]
        if self._examples is not None:
            context = self._examples(evidence.task)
            task = same_words(evidence.task)
            for demonstration in (*context.reference, *context.failures):
                # Progress in another task says nothing of this one.
                if same_words(demonstration.task) == task:
                    found += of_demonstration(demonstration)
        if self._goal is not None:
            found.append(Reference(1.0, self._goal, "the goal"))
        found.sort(key=lambda reference: reference.progress)
        return _even(found, MOST_REFERENCES)


def check_references(goal: bool, examples: bool) -> None:
    """Make sure that there is something to compare with.

    Raises:
        JudgeError: there is nothing.
    """
    if not goal and not examples:
        raise JudgeError(
            f"The judge {METHOD} has nothing to compare with; set the parameter goal_image to a picture of the "
            "finished task, or the parameter examples to a bank with rewarded examples of it."
        )


def _even(references: Sequence[Reference], most: int) -> list[Reference]:
    last = len(references) - 1
    if last < most:
        return list(references)
    return [references[round(index * last / (most - 1))] for index in range(most)]


def _hash_of(*moments: Moment | None) -> str:
    """First 16 hexadecimal digits of a hash over the pictures; empty where there are none."""
    if not any(moments):
        return ""
    digest = hashlib.sha256()
    for moment in moments:
        for frame in moment.frames if moment is not None else ():
            digest.update(f"{frame.camera} {frame.image.form} ".encode())
            digest.update(frame.image.rgb().tobytes())
        digest.update(b";")
    return digest.hexdigest()[:16]


def create(options: JudgeOptions) -> PairwiseJudge:
    """Make the judge `pairwise`.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used, or there is nothing to compare with.
    """
    check_references(bool(options.goal_image), bool(options.examples))
    prompt = load(PairwisePrompt, "prompt", options.prompts or DEFAULT_PROMPT, SHIPPED_FOLDER)
    goal = read_moment(options.goal_image, options.cameras, "goal_image") if options.goal_image else None
    start = read_moment(options.start_image, options.cameras, "start_image") if options.start_image else None
    examples = _examples(options) if options.examples else None
    opened = open_model(options, METHOD, most_images=MOST_SETS * len(options.cameras))
    return PairwiseJudge(
        opened.model,
        prompt,
        goal,
        start,
        examples,
        status_of(opened.status, examples),
    )


def _examples(options: JudgeOptions) -> ExampleSource:
    # Their labels are not used: a comparison has its own, which tell no time.
    bank, estimate = ExampleBank(Path(options.examples).expanduser()), TokenEstimate(options.image_tokens)
    return ExampleSource(bank, options.example_tokens, estimate, lambda camera, seconds: "")
