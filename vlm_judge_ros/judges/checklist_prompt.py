"""The words with which a model is asked for the steps of a task, and about them."""

from __future__ import annotations

from typing import ClassVar

import pydantic

from vlm_judge_ros.judges.checklist_file import Step
from vlm_judge_ros.judges.places import check_places, check_wordings
from vlm_judge_ros.judges.written_prompt import WrittenPrompt


class PlanPrompt(WrittenPrompt):
    """How a model is asked for the steps of a task."""

    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task"})


class ChecklistPrompt(WrittenPrompt):
    """How a model is asked about the steps of a task; one YAML file.

    Attributes:
        plan: name or path of the prompt by which it is asked for the steps.
        scored: score step by step also with a model that writes.
        answer: what a model that scores would say of a step that is done; its first token is what is scored.
        wordings: the claim that a step is done, with `{done_when}`, and where wanted `{step}`, `{task}`, `{elapsed_s}`.
    """

    QUESTION_PLACES: ClassVar[frozenset[str]] = frozenset({"task", "elapsed_s", "steps"})

    plan: str
    scored: bool = False
    answer: str = pydantic.Field(default=" True", min_length=1)
    wordings: tuple[str, ...] = pydantic.Field(min_length=1, max_length=10)

    @pydantic.field_validator("question")
    @classmethod
    def _question_names_the_steps(cls, question: str) -> str:
        if "steps" not in check_places(question, cls.QUESTION_PLACES):
            raise ValueError("the question has no {steps}")
        return question

    @pydantic.field_validator("wordings")
    @classmethod
    def _wordings_name_the_step(cls, wordings: tuple[str, ...]) -> tuple[str, ...]:
        check_wordings("wording", wordings, "done_when", {"task", "step", "done_when", "elapsed_s"})
        return wordings

    def claims(self, task: str, step: Step, elapsed_s: float) -> list[str]:
        """The wordings about one step, in their order."""
        told = {"task": task, "step": step.name, "done_when": step.done_when, "elapsed_s": f"{elapsed_s:.1f}"}
        return [wording.format(**told) for wording in self.wordings]
