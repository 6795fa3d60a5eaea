"""The words with which a model is asked for its answer token."""

from __future__ import annotations

from pathlib import Path

import pydantic

from vlm_judge_ros.judges.named_file import NAME, Hashed, load
from vlm_judge_ros.judges.places import check_places, check_wordings

SHIPPED_FOLDER = Path(__file__).parent / "prompt_sets"
DEFAULT_PROMPT_SET = "ten-v1"
DRAWN_PROMPT_SET = "drawn-v1"
_MOST_PROMPTS = 100
_PLACES = frozenset({"task", "elapsed_s", "motion_s"})


class PromptSet(Hashed):
    """Several wordings of one question, and how the images before it are labelled; one JSON file.

    Attributes:
        name: name and version of the set. Shipped sets never change under the same name.
        label: text before every image, with `{camera}` and `{seconds}` since the start of the episode where wanted.
            The seconds tell the model how much time has passed; a set without them keeps that from it. Empty: none.
        answer: what a model that agrees would say, the leading space included; its first token is what is scored.
        prompts: the wordings. Each has `{task}`, and `{elapsed_s}` where wanted: seconds until the newest image. In a
            set about drawn paths each has `{motion_s}` too: how many seconds the motion would take.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str = pydantic.Field(pattern=NAME)
    label: str = ""
    answer: str = pydantic.Field(default=" True", min_length=1)
    prompts: tuple[str, ...] = pydantic.Field(min_length=1, max_length=_MOST_PROMPTS)

    @pydantic.field_validator("label")
    @classmethod
    def _label_has_known_places(cls, label: str) -> str:
        check_places(label, {"camera", "seconds"})
        return label

    @pydantic.field_validator("prompts")
    @classmethod
    def _prompts_name_the_task(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        check_wordings("prompt", prompts, "task", _PLACES)
        if len({"motion_s" in check_places(prompt, _PLACES) for prompt in prompts}) > 1:
            raise ValueError("some prompts are about a drawn path, with {motion_s}, and others are not")
        return prompts

    @property
    def about_drawn_paths(self) -> bool:
        """Whether it asks about a path that is drawn into the newest images."""
        return "motion_s" in check_places(self.prompts[0], _PLACES)

    def label_of(self, camera: str, seconds: float) -> str:
        """The text before an image; empty where the set has none."""
        return self.label.format(camera=camera, seconds=f"{seconds:.1f}")

    def wordings(self, task: str, elapsed_s: float, motion_s: float = 0.0) -> list[str]:
        """The prompts about one task, in the order of the set."""
        told = {"task": task, "elapsed_s": f"{elapsed_s:.1f}", "motion_s": f"{motion_s:.1f}"}
        return [prompt.format(**told) for prompt in self.prompts]


def load_prompt_set(name: str = "") -> PromptSet:
    """Read a prompt set.

    Args:
        name: name of a shipped set, or path of a file of your own, which ends in .json; empty for the default.

    Raises:
        JudgeError: there is none, or it cannot be used.
    """
    return load(PromptSet, "prompt set", name or DEFAULT_PROMPT_SET, SHIPPED_FOLDER)
