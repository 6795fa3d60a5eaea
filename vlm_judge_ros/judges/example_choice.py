"""Which examples a judge is shown: the nearest by task, different ones, good and bad, within a budget of tokens."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vlm_judge_ros.judges.example import Example, ExampleFrame
from vlm_judge_ros.judges.views import evenly

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
    weights = WordWeights({task, *(example.task for example in left)})
    near = {known: weights.nearness(task, known) for known in {example.task for example in left}}
    left = [example for example in left if near[example.task] >= LEAST_NEARNESS]
    chosen: list[ChosenExample] = []
    tokens = most_tokens
    while len(chosen) < MOST_SHOWN:
        room = min(tokens, most_tokens // 2)
        left = [example for example in left if _fits(example, room, estimate)]
        if not left:
            break
        wanted = _of_the_other_outcome(left, chosen) if len(chosen) == 1 else left
        best = max(wanted, key=lambda example: _worth(example, near[example.task], chosen))
        left.remove(best)
        frames = _most_that_fit(best, room, estimate)
        chosen.append(ChosenExample(best, frames, near[best.task]))
        tokens -= estimate.of_example(best, frames)
    return tuple(chosen)


class WordWeights:
    """How much a word says about a task: the rarer among known tasks, the more.

    Args:
        tasks: the known ones; a word of all of them weighs 1, one of none the most.
    """

    def __init__(self, tasks: Iterable[str]) -> None:
        different = {_words(task) for task in tasks}
        self._count = len(different)
        self._having = Counter(word for words in different for word in words)

    def nearness(self, asked: str, known: str) -> float:
        """Share of words that two tasks have in common, by weight, 0 to 1 (a weighted Jaccard index)."""
        ours, theirs = _words(asked), _words(known)
        whole = self._sum(ours | theirs)
        return self._sum(ours & theirs) / whole if whole > 0 else 0.0

    def _sum(self, words: Iterable[str]) -> float:
        return math.fsum(1.0 + math.log((1 + self._count) / (1 + self._having[word])) for word in words)


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


def _fits(example: Example, most_tokens: int, estimate: TokenEstimate) -> bool:
    return estimate.of_example(example, _thinned(example, _LEAST_PER_CAMERA)) <= most_tokens


def _most_that_fit(example: Example, most_tokens: int, estimate: TokenEstimate) -> tuple[ExampleFrame, ...]:
    """The frames of an example that fits: all, or an even choice of each camera's."""
    for count in range(len(example.frames), _LEAST_PER_CAMERA, -1):
        frames = _thinned(example, count)
        if estimate.of_example(example, frames) <= most_tokens:
            return frames
    return _thinned(example, _LEAST_PER_CAMERA)


def _thinned(example: Example, most_per_camera: int) -> tuple[ExampleFrame, ...]:
    cameras: dict[str, list[ExampleFrame]] = {}
    for frame in example.frames:
        cameras.setdefault(frame.camera, []).append(frame)
    kept = {frame.file for frames in cameras.values() for frame in evenly(frames, min(most_per_camera, len(frames)))}
    return tuple(frame for frame in example.frames if frame.file in kept)


def _words(task: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", task.casefold()))
