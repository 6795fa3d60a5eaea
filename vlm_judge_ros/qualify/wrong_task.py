"""Which instruction an episode is shown under that is not its own."""

from __future__ import annotations

from collections.abc import Iterable

from vlm_judge_ros.qualify.controls import drawn
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.tasks.words import same_words


def task_name(description: EpisodeDescription) -> str:
    """Name of the task of an episode: the recorder's own, the same whatever the wording, or the instruction."""
    truth = description.truth
    return truth.task if truth is not None and truth.task else same_words(description.task)


def instructions(descriptions: Iterable[EpisodeDescription]) -> tuple[tuple[str, str], ...]:
    """Name of each task and one of its instructions, in order of name."""
    found: dict[str, str] = {}
    for description in descriptions:
        name = task_name(description)
        found[name] = min(description.task, found.get(name, description.task))
    return tuple(sorted(found.items()))


def wrong_task(
    description: EpisodeDescription, tasks: Iterable[tuple[str, str]], given: Iterable[str] = ()
) -> str | None:
    """An instruction that is not that of an episode, drawn by its key; None where there is none.

    Args:
        description: of the episode.
        tasks: name and instruction of all tasks.
        given: instructions to choose from instead, as a person named them.
    """
    own = {task_name(description), same_words(description.task)}
    choice = [text for text in given if same_words(text) not in own]
    choice = choice or [text for name, text in tasks if name not in own and same_words(text) not in own]
    return choice[int(drawn(description.key, Control.WRONG_TASK).integers(len(choice)))] if choice else None
