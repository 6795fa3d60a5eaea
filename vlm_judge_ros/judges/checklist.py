"""The checklist: a task is broken into steps that can be seen, and each step is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, load_calibration, raw_score_calibration
from vlm_judge_ros.judges.checklist_answers import ChecklistAnswer, tally
from vlm_judge_ros.judges.checklist_file import Checklist, Plan, PlanCache, load_checklists
from vlm_judge_ros.judges.checklist_prompt import ChecklistPrompt, PlanPrompt
from vlm_judge_ros.judges.checklist_scores import score_steps, subtasks_of
from vlm_judge_ros.judges.context import ContextSource, PromptNames, content_of
from vlm_judge_ros.judges.example_context import most_images, open_examples, status_of, text_tokens
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.told import told
from vlm_judge_ros.judges.views import shown
from vlm_judge_ros.judges.written_answer import Unparsable, ask_for
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.cache import cache_folder
from vlm_judge_ros.models.model import Capability, require
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.writer import LARGEST_SEED, VisionLanguageModel, Writing
from vlm_judge_ros.tasks.words import same_words

METHOD = "checklist"
DEFAULT_PROMPT = "checklist-v1"
CACHE_FOLDER = "checklists"

_UNFITTED = "The calibration is not fitted: progress tells more from less, and is no share of the task."
_TEMPERATURE = 0.7
"""Where several answers are drawn: at 0 they would all be the same."""
_TOKENS_A_STEP = 64
_NEEDED = 0.5
"""Share of the answers that have to be readable."""


class ChecklistJudge:
    """Judges every step of a task by one written answer, or by one scored answer for each step.

    Progress is the weighted sum of the steps. Nothing is held on to: a step that was done is undone when
    the model sees it undone.

    Args:
        model: writes, or scores.
        prompt: how it is asked about steps.
        plan_prompt: how it is asked for the steps of a task that nobody wrote down.
        images_per_camera: images of each camera in a question, at least 1; fewer where there are fewer frames and it
            writes, since only scores depend on the number.
        checklists: steps that somebody wrote down, by task.
        cache: keeps the steps that the model gave; None to keep them for this judge alone.
        calibration: what raw scores mean, for scored answers; None for the one that is not fitted.
        context_of: what it is told before an episode of a task; None for nothing.
        samples: answers that are drawn, where it writes.
        seed: of drawing them.
        status: one sentence about how the model runs.

    Raises:
        JudgeError: the model cannot do this, or nobody says what the steps are.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        prompt: ChecklistPrompt,
        plan_prompt: PlanPrompt,
        images_per_camera: int,
        checklists: Mapping[str, Checklist] | None = None,
        cache: PlanCache | None = None,
        calibration: Calibration | None = None,
        context_of: ContextSource | None = None,
        samples: int = 1,
        seed: int = 0,
        status: str = "",
    ) -> None:
        self._checklists = {same_words(task): checklist for task, checklist in (checklists or {}).items()}
        self._writes = Capability.TEXT in model.capabilities
        # A model that does neither is told that it does not write, which is what most methods need.
        self._scores = Capability.LOG_PROBABILITIES in model.capabilities and (prompt.scored or not self._writes)
        needed = Capability.LOG_PROBABILITIES if self._scores or prompt.scored else Capability.TEXT
        require(model, {needed, Capability.SEVERAL_IMAGES}, METHOD)
        if not self._writes and not self._checklists:
            raise JudgeError(
                f"The method checklist needs the steps of the task, and the model {model.name} on {model.provider} "
                "writes no answers; set the parameter checklist to a file with the steps, see docs/methods.md."
            )
        self._calibration = calibration or load_calibration()
        if calibration is not None and not self._scores:
            raise JudgeError(
                f"The method {METHOD} needs no calibration {calibration.name} for written answers; leave the parameter "
                "calibration empty, or have the steps scored, see docs/methods.md."
            )
        if context_of is not None:
            prompt.require_context()
        names = PromptNames(prompt.name, prompt.content_hash)
        self._names = names if context_of is None else context_of.names(names)
        if self._scores:
            self._calibration.check(model.file_hash, self._names.prompt_hash)
        self._model = model
        self._prompt = prompt
        self._plan_prompt = plan_prompt
        self._images_per_camera = images_per_camera
        self._cache = cache
        self._context_of = context_of
        self._samples = samples
        self._seed = seed
        self._planned: dict[str, Checklist] = {}
        kept = f"Steps that it gives are kept in {cache.folder}." if cache and self._writes else ""
        own = ", ".join(f'"{told(checklist.task)}"' for checklist in self._checklists.values())
        given = f"Steps are written down for {own}." if own else ""
        self.status = " ".join(filter(None, (status, given, kept)))

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is; with an opinion its prompt set also names the steps by their hash."""
        names, label = self._names, self._calibration.label if self._scores else ""
        seed = self._seed if self._draws else -1
        return JudgeProvenance.of(self._model, METHOD, names.prompt_set, names.prompt_hash, label, seed)

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge the steps of the task at the newest frames. The first question of a new task asks for the steps too.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        checklist = self._checklist(evidence.task)
        if isinstance(checklist, Unparsable):
            reason = f"The model's steps of the task cannot be read: {checklist.reason}"
            return Opinion(evidence, self.provenance, reason=reason, unparsable=True)
        if checklist is None:
            tasks = ", ".join(f'"{checklist.task}"' for checklist in self._checklists.values())
            reason = (
                f"There are no steps for this task, only for {told(tasks)}, and the model {self._model.name} writes "
                "none; add a checklist for it."
            )
            return Opinion(evidence, self.provenance, reason=reason)
        return self._scored(evidence, checklist) if self._scores else self._written(evidence, checklist)

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the model can stop."""
        self._model.cancel()

    @property
    def _draws(self) -> bool:
        return self._samples > 1 and not self._scores

    def _checklist(self, task: str) -> Checklist | Unparsable | None:
        """The steps of a task: written down, made before, or made now; None where the model can make none."""
        known = self._checklists.get(same_words(task)) or self._planned.get(task)
        if known is not None or not self._writes:
            return known
        instrument = (self._model.name, self._model.file_hash, self._plan_prompt.content_hash)
        checklist = self._cache.read(task, instrument) if self._cache else None
        if checklist is None:
            question = self._plan_prompt.question.format(task=task)
            writing = Writing((question,), self._plan_prompt.instruction)
            read = ask_for(Plan, self._model, writing, self._plan_prompt)
            if isinstance(read, Unparsable):
                return read
            checklist = Checklist(task=task, subtasks=read.answer.subtasks)
            if self._cache:
                self._cache.write(checklist, instrument)
        self._planned[task] = checklist
        return checklist

    def _shown(self, evidence: Evidence, images_per_camera: int) -> list[Content]:
        content: list[Content] = []
        if self._context_of is not None:
            content += content_of(self._context_of(evidence.task), self._prompt.require_context())
        return content + shown(evidence, self._prompt.label_of, images_per_camera)

    def _written(self, evidence: Evidence, checklist: Checklist) -> Opinion:
        prompt = self._prompt
        steps = checklist.subtasks
        listed = "\n".join(f"{number}. {step.name}: {step.done_when}" for number, step in enumerate(steps, 1))
        question = prompt.question.format(task=evidence.task, elapsed_s=f"{evidence.elapsed_s:.1f}", steps=listed)
        # An image that is shown again costs as much as the first time and tells nothing new.
        most = min(self._images_per_camera, max(map(len, evidence.keyframes.values())))
        content = (*self._shown(evidence, most), f"\n{question}")
        answers, fault = [], ""
        for sample in range(self._samples):
            writing = Writing(
                content,
                prompt.instruction,
                temperature=_TEMPERATURE if self._draws else 0.0,
                seed=(self._seed + sample) & LARGEST_SEED,
                most_tokens=200 + _TOKENS_A_STEP * len(steps),
            )
            read = ask_for(ChecklistAnswer, self._model, writing, prompt, {"steps": len(steps)})
            if isinstance(read, Unparsable):
                fault = fault or read.reason
            else:
                answers.append(read.answer)
        provenance = self._instrument(checklist)
        if len(answers) < max(1.0, _NEEDED * self._samples):
            lost = f"{self._samples - len(answers)} of {self._samples} answers" if self._samples > 1 else "The answer"
            reason = f"{lost} of the model cannot be read: {fault}"
            return Opinion(evidence, provenance, reason=reason, unparsable=True)
        found = tally(checklist, answers)
        return Opinion(
            evidence=evidence,
            provenance=provenance,
            progress=found.progress,
            progress_low=found.low,
            progress_high=found.high,
            success_probability=found.success_probability,
            failure_probability=found.failure_probability,
            reason=found.reason,
            subtasks=found.subtasks,
        )

    def _scored(self, evidence: Evidence, checklist: Checklist) -> Opinion:
        prompt, calibration = self._prompt, self._calibration
        content = self._shown(evidence, self._images_per_camera)
        scores = score_steps(self._model, prompt, calibration, checklist, content, evidence.task, evidence.elapsed_s)
        subtasks, provenance = subtasks_of(checklist, scores), self._instrument(checklist)
        unknown = ", ".join(entry.name for entry in subtasks if math.isnan(entry.progress))
        if unknown:
            reason = f'The model only tells a bound of the log-probability of "{prompt.answer}" for {told(unknown)}.'
            return Opinion(evidence, provenance, subtasks=subtasks, reason=reason)
        shares, spreads = checklist.shares, len(prompt.wordings) > 1
        return Opinion(
            evidence=evidence,
            provenance=provenance,
            progress=_weighted(shares, [score.progress for score in scores]),
            progress_low=_weighted(shares, [score.low for score in scores]) if spreads else math.nan,
            progress_high=_weighted(shares, [score.high for score in scores]) if spreads else math.nan,
            # As if the steps were independent; NaN where the calibration knows nothing of success.
            success_probability=math.prod(score.done for score in scores),
            calibrated=calibration.fitted,
            reason="" if calibration.fitted else _UNFITTED,
            subtasks=subtasks,
        )

    def _instrument(self, checklist: Checklist) -> JudgeProvenance:
        prompt_set = f"{self._names.prompt_set}, steps {checklist.content_hash}"
        return replace(self.provenance, prompt_set=prompt_set)


def _weighted(shares: Sequence[float], values: Sequence[float]) -> float:
    return min(1.0, math.fsum(share * value for share, value in zip(shares, values, strict=True)))


def create(options: JudgeOptions) -> ChecklistJudge:
    """Make the judge `checklist`.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    prompt = load(ChecklistPrompt, "prompt", options.prompts or DEFAULT_PROMPT, SHIPPED_FOLDER)
    plan_prompt = load(PlanPrompt, "prompt", prompt.plan, SHIPPED_FOLDER)
    checklists = load_checklists(options.checklist)
    calibration = raw_score_calibration(options.calibration)
    examples = open_examples(options, METHOD, prompt)
    opened = open_model(options, METHOD, most_images(options, examples), text_tokens(options, examples))
    return ChecklistJudge(
        opened.model,
        prompt,
        plan_prompt,
        options.images_per_camera,
        checklists,
        # A recording of exchanges has to hold the question for the steps, and its replay to find it there.
        None if options.record or options.replay else PlanCache(cache_folder() / CACHE_FOLDER),
        calibration,
        examples,
        options.samples,
        options.seed,
        status_of(opened.status, examples),
    )
