"""The words with which a model is asked for a written answer."""

from __future__ import annotations

import string
from pathlib import Path
from typing import ClassVar

import pydantic

from vlm_judge_ros.judges.named_file import NAME, content_hash

SHIPPED_FOLDER = Path(__file__).parent / "written_prompts"


class WrittenPrompt(pydantic.BaseModel):
    """What is asked and how images are labelled; one YAML file. Each method has a kind of its own, with its places.

    Attributes:
        name: name and version. Shipped prompts never change under the same name.
        label: text before every image, with `{camera}` and `{seconds}` since the start of the episode where wanted.
        instruction: what the model is told beforehand, as a system message.
        question: what it is asked after the images, with the places of the method, such as `{task}`.
        repair: what it is told once when its answer cannot be read, with `{answer}` and `{error}`.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task", "elapsed_s"})
    """What may stand in braces in the question."""

    name: str = pydantic.Field(pattern=NAME)
    label: str = "{camera} camera, {seconds} s:"
    instruction: str
    question: str
    repair: str

    @pydantic.field_validator("label")
    @classmethod
    def _label_has_known_places(cls, label: str) -> str:
        check_places(label, {"camera", "seconds"})
        return label

    @pydantic.field_validator("question")
    @classmethod
    def _question_names_the_task(cls, question: str) -> str:
        if "task" not in check_places(question, cls.QUESTION_PLACES):
            raise ValueError("the question has no {task}")
        return question

    @pydantic.field_validator("repair")
    @classmethod
    def _repair_tells_what_is_wrong(cls, repair: str) -> str:
        if "error" not in check_places(repair, {"answer", "error"}):
            raise ValueError("repair has no {error}")
        return repair

    @property
    def content_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over everything but the name."""
        return content_hash(self)

    def label_of(self, camera: str, seconds: float) -> str:
        """The text before an image."""
        return self.label.format(camera=camera, seconds=f"{seconds:.1f}")


def check_places(text: str, known: set[str] | frozenset[str]) -> set[str]:
    """The names in braces of a text.

    Raises:
        ValueError: one is not known, or the braces do not match.
    """
    places = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    for name in sorted(places - known):
        raise ValueError(f'"{text}" has {{{name}}}; known are {", ".join(f"{{{entry}}}" for entry in sorted(known))}')
    return places
