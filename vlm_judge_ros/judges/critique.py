"""The structured critique: a model says in checked JSON how far the task is, how it fails, and what to mend first."""

from __future__ import annotations

import math
from typing import ClassVar

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.judges.context import ContextSource, PromptNames, content_of
from vlm_judge_ros.judges.critique_answer import CritiqueAnswer, IssueAnswer, SubtaskAnswer
from vlm_judge_ros.judges.cue_list import CueList, load_cues
from vlm_judge_ros.judges.example_context import most_images, open_examples, status_of, text_tokens
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model
from vlm_judge_ros.judges.named_file import content_hash, load
from vlm_judge_ros.judges.opinion import Critique, JudgeProvenance, Opinion, SubtaskOpinion, SubtaskState
from vlm_judge_ros.judges.told import told
from vlm_judge_ros.judges.views import shown
from vlm_judge_ros.judges.written_answer import Unparsable, ask_for
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER, WrittenPrompt
from vlm_judge_ros.models.model import Capability, require
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.writer import Writer, Writing

METHOD = "critique"
DEFAULT_PROMPT = "critique-v1"

_MOST_TOKENS = 1024
_NAME_CHARACTERS = 80
# Labels round to a tenth of a second, and a model can only repeat what they say.
_ROUNDING_S = 0.0501


class CritiquePrompt(WrittenPrompt):
    """The words of a critique.

    Attributes:
        failure_cues: name or path of the list that says how failures look.
    """

    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task", "elapsed_s", "modes", "cameras"})

    failure_cues: str


class CritiqueJudge:
    """Shows a model the frames and asks for a critique in JSON.

    Progress and probabilities are the model's own words: no calibration stands behind them, and an opinion says so.

    Args:
        writer: the model.
        prompt: how it is asked.
        cues: how failures look.
        images_per_camera: most images of each camera in a question, at least 1.
        context_of: what it is told before an episode of a task; None for nothing.
        status: one sentence about how the model runs.

    Raises:
        JudgeError: the model cannot do this, or the prompt has no words for a context.
    """

    def __init__(
        self,
        writer: Writer,
        prompt: CritiquePrompt,
        cues: CueList,
        images_per_camera: int,
        context_of: ContextSource | None = None,
        status: str = "",
    ) -> None:
        require(writer, {Capability.TEXT, Capability.SEVERAL_IMAGES}, METHOD)
        if context_of is not None:
            prompt.require_context()
        names = PromptNames(prompt.name, content_hash(prompt, cues))
        self._names = names if context_of is None else context_of.names(names)
        self._writer = writer
        self._prompt = prompt
        self._cues = cues
        self._images_per_camera = images_per_camera
        self._context_of = context_of
        self.status = status

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return JudgeProvenance.of(self._writer, METHOD, self._names.prompt_set, self._names.prompt_hash)

    def ask(self, evidence: Evidence) -> Opinion:
        """Have the newest frames judged.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        read = ask_for(CritiqueAnswer, self._writer, self._writing(evidence), self._prompt)
        if isinstance(read, Unparsable):
            return Opinion(evidence, self.provenance, reason=read.reason, unparsable=True)
        return self._opinion(evidence, read.answer)

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the model can stop."""
        self._writer.cancel()

    def _writing(self, evidence: Evidence) -> Writing:
        content: list[Content] = []
        if self._context_of is not None:
            content += content_of(self._context_of(evidence.task), self._prompt.require_context())
        # An image that is shown again costs as much as the first time and tells nothing new.
        most = min(self._images_per_camera, max(map(len, evidence.keyframes.values())))
        content += shown(evidence, self._prompt.label_of, most)
        question = self._prompt.question.format(
            task=evidence.task,
            elapsed_s=f"{evidence.elapsed_s:.1f}",
            modes=self._cues.by_code,
            cameras=" or ".join(f'"{camera}"' for camera in evidence.keyframes),
        )
        return Writing((*content, f"\n{question}"), instruction=self._prompt.instruction, most_tokens=_MOST_TOKENS)

    def _opinion(self, evidence: Evidence, answer: CritiqueAnswer) -> Opinion:
        camera, at_s, notes = _place(answer.issue, evidence)
        progress = or_nan(answer.task_completion)
        return Opinion(
            evidence=evidence,
            provenance=self.provenance,
            progress=progress,
            success_probability=or_nan(answer.success_probability),
            failure_probability=or_nan(answer.failure_probability),
            failure_mode=answer.failure_mode,
            raw_score=progress,
            reason=" ".join([f'It wrote: "{told(answer.summary)}"', *notes]),
            subtasks=tuple(_subtask(subtask, len(answer.subtasks)) for subtask in answer.subtasks),
            critique=Critique(
                smoothness=or_nan(answer.trajectory.smoothness),
                efficiency=or_nan(answer.trajectory.efficiency),
                safety=or_nan(answer.trajectory.safety),
                advice=told(answer.issue.advice) if answer.issue is not None else "",
                camera=camera,
                at_s=at_s,
            ),
        )


def _subtask(answer: SubtaskAnswer, count: int) -> SubtaskOpinion:
    if answer.progress is None:
        state = SubtaskState.UNKNOWN
    elif answer.progress == 1.0:
        state = SubtaskState.DONE
    else:
        state = SubtaskState.ACTIVE if answer.progress > 0.0 else SubtaskState.PENDING
    # It was not asked for weights: those that it would invent say less than equal ones.
    return SubtaskOpinion(told(answer.name, _NAME_CHARACTERS), 1.0 / count, or_nan(answer.progress), state)


def _place(issue: IssueAnswer | None, evidence: Evidence) -> tuple[str, float, list[str]]:
    """Camera and second of the issue as far as there are such, and what was dropped."""
    camera, at_s, notes = "", math.nan, []
    if issue is not None and issue.camera is not None:
        if issue.camera in evidence.keyframes:
            camera = issue.camera
        else:
            notes.append(f'It names the camera "{told(issue.camera, _NAME_CHARACTERS)}", which it was not shown.')
    if issue is not None and issue.second is not None:
        if 0.0 <= issue.second <= evidence.elapsed_s + _ROUNDING_S:
            at_s = issue.second
        else:
            notes.append(f"It names second {issue.second:.6g}, and was shown 0 to {evidence.elapsed_s:.1f}.")
    return camera, at_s, notes


def create(options: JudgeOptions) -> CritiqueJudge:
    """Make the judge `critique`.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    # What costs nothing to check comes before what takes a while to load.
    prompt = load(CritiquePrompt, "prompt", options.prompts or DEFAULT_PROMPT, SHIPPED_FOLDER)
    cues = load_cues(prompt.failure_cues)
    examples = open_examples(options, METHOD, prompt)
    opened = open_model(options, METHOD, most_images(options, examples), text_tokens(options, examples))
    return CritiqueJudge(
        opened.model,
        prompt,
        cues,
        options.images_per_camera,
        context_of=examples,
        status=status_of(opened.status, examples),
    )
