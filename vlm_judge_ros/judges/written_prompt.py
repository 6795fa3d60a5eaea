"""The words with which a model is asked for a written answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.context import ContextWords
from vlm_judge_ros.judges.named_file import NAME, Hashed
from vlm_judge_ros.judges.places import check_places

SHIPPED_FOLDER = Path(__file__).parent / "written_prompts"


class WrittenPrompt(Hashed):
    """What is asked and how images are labelled; one YAML file. Each method has a kind of its own, with its places.

    Attributes:
        name: name and version. Shipped prompts never change under the same name.
        label: text before every image, with `{camera}` and `{seconds}` since the start of the episode where wanted.
        instruction: what the model is told beforehand, as a system message.
        question: what it is asked after the images, with the places of the method, such as `{task}`.
        form: what a model that cannot be held to a schema is told of it after the question, in words or with
            `{schema}`; may be empty.
        repair: what it is told once when its answer cannot be read, with `{answer}` and `{error}`.
        context: the words around examples; without them the method shows none.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task", "elapsed_s"})
    """What may stand in braces in the question."""

    LABEL_PLACES: ClassVar[frozenset[str]] = frozenset({"camera", "seconds"})
    """The same for the label."""

    name: str = pydantic.Field(pattern=NAME)
    label: str = "{camera} camera, {seconds} s:"
    instruction: str
    question: str
    form: str = ""
    repair: str
    context: ContextWords | None = None

    @pydantic.field_validator("label")
    @classmethod
    def _label_has_known_places(cls, label: str) -> str:
        check_places(label, cls.LABEL_PLACES)
        return label

    @pydantic.field_validator("question")
    @classmethod
    def _question_names_the_task(cls, question: str) -> str:
        if "task" not in check_places(question, cls.QUESTION_PLACES):
            raise ValueError("the question has no {task}")
        return question

    @pydantic.field_validator("form")
    @classmethod
    def _form_has_known_places(cls, form: str) -> str:
        check_places(form, {"schema"})
        return form

    @pydantic.field_validator("repair")
    @classmethod
    def _repair_tells_what_is_wrong(cls, repair: str) -> str:
        if "error" not in check_places(repair, {"answer", "error"}):
            raise ValueError("repair has no {error}")
        return repair

    def require_context(self) -> ContextWords:
        """The words around examples.

        Raises:
            JudgeError: there are none.
        """
        if self.context is None:
            raise JudgeError(f"The prompt {self.name} has no words for examples; add `context` to its file.")
        return self.context

    def form_of(self, schema: Mapping[str, Any]) -> str:
        """What a model that cannot be held to a schema is told of it; empty for nothing."""
        return self.form.format(schema=json.dumps(schema, separators=(",", ":"), ensure_ascii=False))

    def label_of(self, camera: str, seconds: float) -> str:
        """The text before an image."""
        return self.label.format(camera=camera, seconds=f"{seconds:.1f}")
