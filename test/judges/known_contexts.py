"""What a model is told before an episode, known beforehand."""

from __future__ import annotations

from collections.abc import Mapping

from vlm_judge_ros.judges.context import ExampleContext, PromptNames


class KnownContexts:
    """The context of each task, and a list of the tasks that were asked for."""

    def __init__(self, contexts: Mapping[str, ExampleContext]) -> None:
        self._contexts = contexts
        self.asked: list[str] = []

    def __call__(self, task: str) -> ExampleContext:
        self.asked.append(task)
        return self._contexts[task]

    def names(self, prompt: PromptNames) -> PromptNames:
        return PromptNames(f"{prompt.prompt_set} known", prompt.prompt_hash[::-1])
