"""Which examples a judge is shown: the nearest by task, different ones, good and bad, within a budget of tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vlm_judge_ros.judges.example import Example, ExampleFrame

USUAL_IMAGE_TOKENS = 256
"""Tokens of an image where nobody says: about those of 512 x 512 pixels with the models of `config/models`."""
CHARACTERS_PER_TOKEN = 4
FRAME_WORDS_TOKENS = 24
"""For the label and the reward of an image."""
EXAMPLE_WORDS_TOKENS = 48
"""For what introduces an example."""
LEAST_NEARNESS = 0.2
"""Examples of tasks further away than this are not shown."""
MOST_SHOWN = 12
_LEAST_PER_CAMERA = 2


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """About how many tokens something takes. No model was asked: its tokenizer counts otherwise, by a third or so.

    Attributes:
        image_tokens: of an image of each camera; the entry "" holds for all others.
    """

    image_tokens: Mapping[str, int] = field(default_factory=dict)

    def of_text(self, text: str) -> int:
        """Tokens of a text."""
        return math.ceil(len(text) / CHARACTERS_PER_TOKEN)

    def of_image(self, camera: str) -> int:
        """Tokens of an image of a camera, with its label."""
        usual = self.image_tokens.get("", USUAL_IMAGE_TOKENS)
        return self.image_tokens.get(camera, usual) + FRAME_WORDS_TOKENS

    def of_example(self, example: Example, frames: Sequence[ExampleFrame]) -> int:
        """Tokens of an example that is shown with these of its frames."""
        words = self.of_text(example.text) + self.of_text(example.task) + EXAMPLE_WORDS_TOKENS
        return words + sum(self.of_image(frame.camera) for frame in frames)


@dataclass(frozen=True, slots=True)
class ChosenExample:
    """An example that is to be shown.

    Attributes:
        example: the example.
        frames: those of its frames that are shown, in the order of time.
        nearness: how near its task is to the one that is judged, 0 to 1.
    """

    example: Example
    frames: tuple[ExampleFrame, ...]
    nearness: float


def choose(
    examples: Iterable[Example], task: str, most_tokens: int, estimate: TokenEstimate | None = None
) -> tuple[ChosenExample, ...]:
    """Choose examples for a task; the same ones whatever the order in which they are given.

    Each next one is the nearest by task, where nearness is divided by one more than the number of those chosen before
    that have the same failure mode, and again by one more than those of the same episode. The first two are a bad one
    and a good one where there are both. One that takes more than half of the budget, or more than is left, is shown
    with fewer images.

    Args:
        examples: of a bank.
        task: the instruction that is judged.
        most_tokens: the budget, as estimated.
        estimate: of tokens; the usual one where None.
    """
    estimate = estimate or TokenEstimate()
    left = sorted(examples, key=lambda example: example.id)
    near = _nearnesses(task, left)
    left = [example for example in left if near[example.id] >= LEAST_NEARNESS]
    chosen: list[ChosenExample] = []
    tokens = most_tokens
    while left and len(chosen) < MOST_SHOWN:
        wanted = _of_the_other_outcome(left, chosen) if len(chosen) == 1 else left
        best = max(wanted, key=lambda example: _worth(example, near[example.id], chosen))
        left.remove(best)
        frames = _fitting(best, min(tokens, most_tokens // 2), estimate)
        if frames is not None:
            chosen.append(ChosenExample(best, frames, near[best.id]))
            tokens -= estimate.of_example(best, frames)
    return tuple(chosen)


def nearness(asked: str, known: str, tasks: Iterable[str] = ()) -> float:
    """Share of words that two tasks have in common, 0 to 1: a Jaccard index in which rare words weigh more.

    Args:
        asked: one task.
        known: another one.
        tasks: among which a word is rare or not; a word of all of them weighs 1, one of a single task the most.
    """
    ours, theirs = _words(asked), _words(known)
    different = {ours, theirs, *(_words(task) for task in tasks)}

    def weight(word: str) -> float:
        having = sum(word in words for words in different)
        return 1.0 + math.log((1 + len(different)) / (1 + having))

    whole = math.fsum(weight(word) for word in ours | theirs)
    return math.fsum(weight(word) for word in ours & theirs) / whole if whole > 0 else 0.0


def _nearnesses(task: str, examples: Sequence[Example]) -> dict[str, float]:
    tasks = {example.task for example in examples}
    by_task = {known: nearness(task, known, tasks) for known in tasks}
    return {example.id: by_task[example.task] for example in examples}


def _worth(example: Example, near: float, chosen: Sequence[ChosenExample]) -> float:
    same_mode = sum(other.example.failure_mode is example.failure_mode for other in chosen)
    same_origin = sum(bool(example.origin) and _source(other.example) == _source(example) for other in chosen)
    return near / (1 + same_mode) / (1 + same_origin)


def _of_the_other_outcome(left: Sequence[Example], chosen: Sequence[ChosenExample]) -> Sequence[Example]:
    others = [example for example in left if example.outcome != chosen[0].example.outcome]
    return others or left


def _source(example: Example) -> str:
    """The episode that an example comes from, whichever part of it."""
    return example.origin.split(",")[0]


def _fitting(example: Example, most_tokens: int, estimate: TokenEstimate) -> tuple[ExampleFrame, ...] | None:
    """The frames with which an example fits, all or an even choice of each camera's; None where it does not."""
    cameras = {
        frame.camera: [other for other in example.frames if other.camera == frame.camera] for frame in example.frames
    }
    most = max((len(frames) for frames in cameras.values()), default=0)
    for count in range(most, min(_LEAST_PER_CAMERA, most) - 1, -1):
        kept = {frame.file for frames in cameras.values() for frame in _even(frames, count)}
        frames = tuple(frame for frame in example.frames if frame.file in kept)
        if estimate.of_example(example, frames) <= most_tokens:
            return frames
    return None


def _even(frames: Sequence[ExampleFrame], count: int) -> Sequence[ExampleFrame]:
    """At most so many, evenly chosen, the first and the last among them."""
    if len(frames) <= count:
        return frames
    return [frames[index * (len(frames) - 1) // (count - 1)] for index in range(count)]


def _words(task: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", task.casefold()))
