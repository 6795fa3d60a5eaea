"""A judge that is shown all paths on one picture, and names the number of the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pydantic

from vlm_judge_ros.episode.drawing import Drawing, DrawnAs
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import open_model
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.told import told
from vlm_judge_ros.judges.views import shown
from vlm_judge_ros.judges.written_answer import Read, Unparsable, ask_for
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER, WrittenPrompt
from vlm_judge_ros.models.model import Capability, require
from vlm_judge_ros.models.writer import Writer, Writing

METHOD = "path_choice"
DEFAULT_PROMPT = "path-choice-v1"
_MOST_TOKENS = 400
_QUOTED = 150


class PathChoicePrompt(WrittenPrompt):
    """How a model is asked which of several drawn paths is the best; one YAML file.

    The question has `{task}`, `{count}`: how many paths there are, and `{motion_s}`: how many seconds they take at
    most.
    """

    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task", "elapsed_s", "count", "motion_s"})


class PathChoiceAnswer(pydantic.BaseModel):
    """What a model writes about drawn paths.

    Attributes:
        seen: what it goes by.
        path: number of the best, from 1; 0 where it cannot tell.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    seen: str
    path: int = pydantic.Field(ge=0)

    @pydantic.field_validator("path")
    @classmethod
    def _path_is_drawn(cls, path: int, info: pydantic.ValidationInfo) -> int:
        context: dict[str, int] = info.context or {}
        if path > context.get("paths", path):
            raise ValueError(f"there is no path {path}; the last one is {context['paths']}")
        return path


class PathChoiceJudge:
    """Has a model name one of the paths that are drawn into the newest frames.

    The opinion about the path that is named is a progress of 1, that about every other 0: a vote and no share of the
    task. A model may prefer a number, a colour or a side, so that whoever asks does so in several orders.

    Of evidence that differs in nothing but the path that is asked about the model is asked once.

    Args:
        writer: the model.
        prompt: how it is asked.
        images_per_camera: images of each camera in every question, at least 1.
        status: one sentence about how the model runs.

    Raises:
        JudgeError: the model cannot do this.
    """

    def __init__(self, writer: Writer, prompt: PathChoicePrompt, images_per_camera: int, status: str = "") -> None:
        require(writer, {Capability.TEXT, Capability.SEVERAL_IMAGES}, METHOD)
        self._writer = writer
        self._prompt = prompt
        self._images_per_camera = images_per_camera
        self._last: _Asked | None = None
        self.status = status

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return JudgeProvenance.of(self._writer, METHOD, self._prompt.name, self._prompt.content_hash)

    def ask(self, evidence: Evidence) -> Opinion:
        """Vote for or against the path that is asked about.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: the model failed.
        """
        drawing = evidence.drawing
        if drawing is None or drawing.drawn_as is not DrawnAs.TOGETHER:
            reason = "This judge only chooses among numbered paths that are drawn on one picture, and there are none."
            return Opinion(evidence, self.provenance, reason=reason)
        read = self._read(evidence, drawing)
        if isinstance(read, Unparsable):
            return Opinion(evidence, self.provenance, reason=read.reason, unparsable=True)
        named, seen = read.answer.path, told(read.answer.seen, _QUOTED)
        if named == 0:
            return Opinion(evidence, self.provenance, reason=f"The model named none of {drawing.paths} paths: {seen}")
        vote = "this path" if named == drawing.number else f"path {named} and not this one"
        reason = (
            f"Among {drawing.paths} paths, of which this was number {drawing.number}, the model named {vote}: {seen}"
        )
        return Opinion(evidence, self.provenance, progress=float(named == drawing.number), reason=reason)

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the model can stop."""
        self._writer.cancel()

    def _read(self, evidence: Evidence, drawing: Drawing) -> Read[PathChoiceAnswer] | Unparsable:
        content = shown(evidence, self._prompt.label_of, self._images_per_camera)
        asked = tuple(piece if isinstance(piece, Frame) else str(piece) for piece in content)
        about = (evidence.task, drawing.paths, drawing.duration_s, asked)
        if self._last is None or self._last.about != about:
            self._last = None
            question = self._prompt.question.format(
                task=evidence.task,
                elapsed_s=f"{evidence.elapsed_s:.1f}",
                count=drawing.paths,
                motion_s=f"{drawing.duration_s:.1f}",
            )
            writing = Writing((*content, f"\n{question}"), self._prompt.instruction, most_tokens=_MOST_TOKENS)
            read = ask_for(PathChoiceAnswer, self._writer, writing, self._prompt, context={"paths": drawing.paths})
            self._last = _Asked(about, read)
        return self._last.read


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked last, frames told apart by identity, and what came of it."""

    about: Any
    read: Read[PathChoiceAnswer] | Unparsable


def create(options: JudgeOptions) -> PathChoiceJudge:
    """Make the judge `path_choice`.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    prompt = load(PathChoicePrompt, "prompt", options.prompts or DEFAULT_PROMPT, SHIPPED_FOLDER)
    opened = open_model(options, METHOD)
    return PathChoiceJudge(opened.model, prompt, options.images_per_camera, opened.status)
