"""Frames at which the motion in the image changes: it starts, stops or peaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.stamps import nanoseconds

SAMPLE_NS = nanoseconds(0.1)
COMPARE_NS = nanoseconds(0.25)
STILL_LEVEL = 0.8
MOVING_LEVEL = 1.6
PROMINENCE = 2.0


def image_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two thumbnails, 0 to 255 grey levels."""
    return float(np.abs(np.subtract(one, other, dtype=np.int16)).mean())


@dataclass(frozen=True, slots=True)
class Transition:
    """A frame at which the motion changed, and by how many grey levels."""

    frame: Frame
    strength: float


class TransitionFinder:
    """Finds starts, stops and peaks of motion from thumbnails, ten times a second at most."""

    def __init__(self) -> None:
        self._recent: deque[Frame] = deque(maxlen=8)
        self._moving = False
        self._peak: Transition | None = None
        self._valley = 0.0

    @property
    def pending(self) -> Frame | None:
        """The frame that becomes a peak if the motion now fades; held in memory."""
        return None if self._peak is None else self._peak.frame

    def forget_pending(self) -> None:
        """Let the pending frame go, to free its memory."""
        self._peak = None

    def add(self, frame: Frame) -> list[Transition]:
        """Take the next frame and return the transitions that it reveals, at most two."""
        if self._recent and frame.stamp_ns - self._recent[-1].stamp_ns < SAMPLE_NS:
            return []
        before = self._compared_with(frame.stamp_ns)
        # Only the thumbnail is needed here, and a frame in this window must not keep its image alive.
        self._recent.append(Frame(frame.camera, frame.stamp_ns, _NO_IMAGE, frame.thumbnail))
        if before is None:
            return []
        level = image_difference(before.thumbnail, frame.thumbnail)
        return self._starts_and_stops(frame, level) if not self._moving or level < STILL_LEVEL else self._peaks(frame, level)

    def _compared_with(self, stamp_ns: int) -> Frame | None:
        for candidate in reversed(self._recent):
            if stamp_ns - candidate.stamp_ns >= COMPARE_NS:
                return candidate
        return self._recent[0] if self._recent else None

    def _starts_and_stops(self, frame: Frame, level: float) -> list[Transition]:
        if not self._moving:
            if level < MOVING_LEVEL:
                return []
            self._moving = True
            self._peak = Transition(frame, level)
            self._valley = level
            return [Transition(frame, level)]
        self._moving = False
        peak, self._peak = self._peak, None
        found = [Transition(frame, peak.strength if peak else MOVING_LEVEL)]
        return [peak, *found] if peak is not None else found

    def _peaks(self, frame: Frame, level: float) -> list[Transition]:
        if self._peak is None:
            self._valley = min(self._valley, level)
            if level >= PROMINENCE * self._valley:
                self._peak = Transition(frame, level)
            return []
        if level > self._peak.strength:
            self._peak = Transition(frame, level)
            return []
        if level * PROMINENCE <= self._peak.strength:
            peak, self._peak, self._valley = self._peak, None, level
            return [peak]
        return []


class TransitionStore:
    """Holds a bounded number of transitions, spread over the episode."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: list[Transition] = []
        self.bytes = 0

    def frames(self) -> Iterator[Frame]:
        """Yield the frames held, oldest first."""
        return (transition.frame for transition in self._held)

    def strongest(self) -> list[Transition]:
        """Return what is held, strongest first; of equals the older first."""
        return sorted(self._held, key=lambda held: (-held.strength, held.frame.stamp_ns))

    def add(self, transition: Transition) -> None:
        """Keep a transition; where there are too many, of the two closest in time the weaker goes."""
        stamps = [held.frame.stamp_ns for held in self._held]
        if transition.frame.stamp_ns in stamps:
            return
        self._held.append(transition)
        self._held.sort(key=lambda held: held.frame.stamp_ns)
        self.bytes += transition.frame.image.size_bytes
        if len(self._held) > self._capacity:
            self._drop(self._most_crowded())

    def drop_weakest(self) -> bool:
        """Let the weakest go; False where none is held."""
        if not self._held:
            return False
        self._drop(min(range(len(self._held)), key=lambda index: self._held[index].strength))
        return True

    def _most_crowded(self) -> int:
        if len(self._held) < 2:
            return 0
        gaps = [
            (self._held[index + 1].frame.stamp_ns - self._held[index].frame.stamp_ns, index)
            for index in range(len(self._held) - 1)
        ]
        _, index = min(gaps)
        return index if self._held[index].strength < self._held[index + 1].strength else index + 1

    def _drop(self, index: int) -> None:
        self.bytes -= self._held.pop(index).frame.image.size_bytes


class _NoImage:
    size_bytes = 0
    form = ""

    def rgb(self) -> NDArray[np.uint8]:
        raise AssertionError("frames of the motion window are never shown")


_NO_IMAGE = _NoImage()
