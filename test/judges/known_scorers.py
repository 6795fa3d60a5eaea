"""Models of known behaviour in the place of a vision-language model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import Cancelled
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.scorer import AnswerScore, Content


class KnownScorer:
    """Remembers what it was asked. What it thinks of the frames is up to those below."""

    name = "known"
    file_hash = "0123456789abcdef"
    provider = "cpu"
    capabilities = frozenset({Capability.LOG_PROBABILITIES, Capability.SEVERAL_IMAGES})

    def __init__(self) -> None:
        self.contents: list[tuple[Content, ...]] = []
        self.prompts: list[str] = []
        self.answers: list[str] = []

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        self.contents.append(tuple(content))
        self.prompts, self.answers = list(prompts), [answer]
        frames = [piece for piece in content if isinstance(piece, Frame)]
        return [AnswerScore(self.log_probability(frames, number)) for number in range(len(prompts))]

    def cancel(self) -> None:
        pass

    def log_probability(self, frames: Sequence[Frame], number: int) -> float:
        raise NotImplementedError


def brightness(frame: Frame) -> float:
    """0 for black, 1 for white."""
    return float(frame.image.rgb().mean()) / 255.0


class BrightnessScorer(KnownScorer):
    """-8 where the newest frames are black, 0 where they are white. Its prompts differ by a set step around that."""

    def __init__(self, step: float = 0.0) -> None:
        super().__init__()
        self._step = step

    def log_probability(self, frames: Sequence[Frame], number: int) -> float:
        newest_ns = max(frame.stamp_ns for frame in frames)
        shown = [brightness(frame) for frame in frames if frame.stamp_ns == newest_ns]
        return min(0.0, 8.0 * (float(np.mean(shown)) - 1.0) + self._step * (-1) ** number)


class OrderScorer(KnownScorer):
    """The more of the frames are brighter than the one of the same camera before them, the more certain it is."""

    def log_probability(self, frames: Sequence[Frame], number: int) -> float:
        rises = []
        for camera in {frame.camera for frame in frames}:
            values = [brightness(frame) for frame in frames if frame.camera == camera]
            rises += [np.sign(after - before) for before, after in pairwise(values)]
        return 4.0 * (float(np.mean(rises)) - 1.0)


class CountingScorer(KnownScorer):
    """Grows more certain with every image, whatever it shows, as large models do."""

    def log_probability(self, frames: Sequence[Frame], number: int) -> float:
        return -8.0 + 0.4 * min(len(frames), 20)


class LongScorer(BrightnessScorer):
    """Works on a black frame until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped = threading.Event()

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        self._stopped.clear()
        if any(isinstance(piece, Frame) and brightness(piece) < 0.02 for piece in content):
            assert self._stopped.wait(60.0)
            raise Cancelled("The question was cancelled.")
        return super().score(content, prompts, answer)

    def cancel(self) -> None:
        self._stopped.set()
