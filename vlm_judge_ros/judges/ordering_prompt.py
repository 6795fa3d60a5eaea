"""The words of frame ordering."""

from __future__ import annotations

from typing import ClassVar

import pydantic

from vlm_judge_ros.judges.places import check_places
from vlm_judge_ros.judges.written_prompt import WrittenPrompt


class FrameOrderingPrompt(WrittenPrompt):
    """The words of frame ordering.

    Attributes:
        label: as for every prompt, with `{number}`: that of the moment in its random order, 0 for the first of all.
            `{seconds}` is possible, and tells the order that is to be found out.
        first: before the images of the first moment, with `{task}`.
        others: before those of the other moments, with `{count}`: how many there are.
        failure_cues: name or path of the list that says how failures look; empty for none.
    """

    LABEL_PLACES: ClassVar[frozenset[str]] = frozenset({"camera", "seconds", "number"})
    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task", "elapsed_s", "count"})

    first: str
    others: str
    failure_cues: str = ""

    @pydantic.field_validator("label")
    @classmethod
    def _label_has_the_number(cls, label: str) -> str:
        if "number" not in check_places(label, cls.LABEL_PLACES):
            raise ValueError("the label has no {number}")
        return label

    @pydantic.model_validator(mode="after")
    def _places_are_known(self) -> FrameOrderingPrompt:
        check_places(self.first, {"task"})
        check_places(self.others, {"count"})
        if self.failure_cues and self.context is None:
            raise ValueError("failure_cues need the words of `context`")
        return self

    def numbered_label(self, number: int, camera: str, seconds: float) -> str:
        """The text before an image."""
        return self.label.format(number=number, camera=camera, seconds=f"{seconds:.1f}")
