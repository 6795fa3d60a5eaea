"""What a model is told before the episode: attempts whose outcome is known, and signs of failure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import pydantic

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.places import check_places
from vlm_judge_ros.models.scorer import Content


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An attempt whose outcome is known.

    Attributes:
        task: its instruction.
        frames: labels and images in the order of time; may be empty where the note says it all.
        rewards: progress at each image, 0 to 1; empty where that is not known.
        failure_mode: how it failed; NONE for one that did not.
        note: what is to be seen, in words; empty for nothing.

    Raises:
        JudgeError: the rewards do not belong to the images.
    """

    task: str
    frames: tuple[Content, ...] = ()
    rewards: tuple[float, ...] = ()
    failure_mode: FailureMode = FailureMode.NONE
    note: str = ""

    def __post_init__(self) -> None:
        images = sum(isinstance(piece, Frame) for piece in self.frames)
        if self.rewards and len(self.rewards) != images:
            raise JudgeError(
                f'The example of "{self.task}" has {len(self.rewards)} rewards for {images} images; give one for each.'
            )
        if not all(math.isfinite(reward) and 0.0 <= reward <= 1.0 for reward in self.rewards):
            raise JudgeError(f'The example of "{self.task}" has the rewards {self.rewards}; give numbers from 0 to 1.')


@dataclass(frozen=True, slots=True)
class ExampleContext:
    """The three kinds of context, in the order in which a model is shown them.

    Attributes:
        reference: attempts that went well, with their rewards where these are known.
        cues: how failures look, one sentence each.
        failures: attempts that failed, with their rewards where these are known.
    """

    reference: tuple[Demonstration, ...] = ()
    cues: tuple[str, ...] = ()
    failures: tuple[Demonstration, ...] = ()

    @property
    def empty(self) -> bool:
        """True where there is nothing to show."""
        return not (self.reference or self.cues or self.failures)


@dataclass(frozen=True, slots=True)
class PromptNames:
    """How what a model is told is named in the provenance.

    Attributes:
        prompt_set: name of the prompt; where a context is told, a space and the name of that follow.
        prompt_hash: 16 hexadecimal digits of a hash over the prompt, and over what decides the context where there is
            one. So a calibration that was fitted without it does not fit with it.
    """

    prompt_set: str
    prompt_hash: str


class ContextSource(Protocol):
    """From a task to what is told before an episode of it."""

    def __call__(self, task: str) -> ExampleContext:
        """What is told; the same for the same task, as long as a judge runs.

        Raises:
            JudgeError: it cannot be read.
        """

    def names(self, prompt: PromptNames) -> PromptNames:
        """How a prompt is named together with this."""


class ContextWords(pydantic.BaseModel):
    """The words around a context; a part of a prompt file.

    Attributes:
        reference: before an attempt that went well, with `{task}` and `{note}`.
        failure: before an attempt that failed, with `{task}`, `{mode}` and `{note}`.
        label: before every image, with `{camera}` and `{seconds}` since the start of its episode where wanted.
        reward: after an image whose progress is known, with `{percent}`.
        cues: before the signs of failure, of which each has a line of its own.
        episode: after all this, before the episode that is to be judged.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    reference: str
    failure: str
    label: str = "{camera} camera, {seconds} s:"
    reward: str
    cues: str
    episode: str

    @pydantic.model_validator(mode="after")
    def _places_are_known(self) -> ContextWords:
        check_places(self.reference, {"task", "note"})
        check_places(self.failure, {"task", "mode", "note"})
        check_places(self.label, {"camera", "seconds"})
        check_places(self.cues, set())
        check_places(self.episode, set())
        if "percent" not in check_places(self.reward, {"percent"}):
            raise ValueError("reward has no {percent}")
        return self

    def label_of(self, camera: str, seconds: float) -> str:
        """The text before an image; empty for none."""
        return self.label.format(camera=camera, seconds=f"{seconds:.1f}")


def content_of(context: ExampleContext, words: ContextWords) -> list[Content]:
    """What a model is shown of a context, before the episode; empty where there is nothing.

    Every text begins a line of its own, also the first of them.
    """
    if context.empty:
        return []
    content: list[Content] = []
    for demonstration in context.reference:
        content += _demonstrated(demonstration, words.reference, words.reward)
    if context.cues:
        content.append("\n".join(["", words.cues, *(f"- {cue}" for cue in context.cues)]))
    for demonstration in context.failures:
        content += _demonstrated(demonstration, words.failure, words.reward)
    content.append(f"\n{words.episode}\n")
    return content


def _demonstrated(demonstration: Demonstration, heading: str, reward: str) -> list[Content]:
    mode = demonstration.failure_mode.name.lower().replace("_", " ")
    text = heading.format(task=demonstration.task, mode=mode, note=demonstration.note).strip()
    content: list[Content] = [f"\n{text}"]
    rewards = iter(demonstration.rewards)
    for piece in demonstration.frames:
        content.append(piece if isinstance(piece, Frame) else f"\n{piece}")
        known = next(rewards, None) if isinstance(piece, Frame) else None
        if known is not None:
            content.append(f"\n{reward.format(percent=f'{100.0 * known:.0f}')}")
    return content
