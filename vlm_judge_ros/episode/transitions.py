"""Frames at which the motion in the image changes: it starts, stops or peaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.stamps import nanoseconds

# Motion is the difference to the picture a quarter of a second ago: long enough to rise above the noise of a slow arm.
SAMPLE_NS = nanoseconds(0.09)
COMPARE_NS = nanoseconds(0.25)
WINDOW = 8
# Grey levels of 255, averaged over the picture.
STILL_LEVEL = 0.8
MOVING_LEVEL = 1.6
# A peak stands out of the valleys beside it by this factor.
PROMINENCE = 2.0


def image_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two thumbnails, 0 to 255 grey levels."""
    return float(cv2.norm(one, other, cv2.NORM_L1) / one.size)


@dataclass(frozen=True, slots=True)
class Transition:
    """A frame at which the motion changed, and how strong the motion was, in grey levels."""

    frame: Frame
    strength: float


class TransitionFinder:
    """Finds starts, stops and peaks of motion from thumbnails, about ten times a second."""

    def __init__(self) -> None:
        # Thumbnails alone: a frame in this window must not keep its image in memory.
        self._recent: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=WINDOW)
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

    def add(self, frame: Frame) -> tuple[Transition, ...]:
        """Take the next frame and return the transitions that it reveals, oldest first, at most two."""
        if self._recent and frame.stamp_ns - self._recent[-1][0] < SAMPLE_NS:
            return ()
        level = self._level(frame)
        self._recent.append((frame.stamp_ns, frame.thumbnail))
        if not self._moving:
            return self._start(frame, level) if level >= MOVING_LEVEL else ()
        return self._stop(frame) if level < STILL_LEVEL else self._peaks(frame, level)

    def _level(self, frame: Frame) -> float:
        """Return the motion: difference to the newest picture that is old enough, else to the oldest there is."""
        if not self._recent:
            return 0.0
        old_enough = (shown for stamp_ns, shown in reversed(self._recent) if frame.stamp_ns - stamp_ns >= COMPARE_NS)
        return image_difference(next(old_enough, self._recent[0][1]), frame.thumbnail)

    def _start(self, frame: Frame, level: float) -> tuple[Transition, ...]:
        self._moving = True
        self._peak, self._valley = None, level
        return (Transition(frame, level),)

    def _stop(self, frame: Frame) -> tuple[Transition, ...]:
        self._moving = False
        peak, self._peak = self._peak, None
        if peak is None:
            return (Transition(frame, MOVING_LEVEL),)
        return (peak, Transition(frame, peak.strength))

    def _peaks(self, frame: Frame, level: float) -> tuple[Transition, ...]:
        if self._peak is None:
            self._valley = min(self._valley, level)
            if level >= PROMINENCE * self._valley:
                self._peak = Transition(frame, level)
        elif level > self._peak.strength:
            self._peak = Transition(frame, level)
        elif level * PROMINENCE <= self._peak.strength:
            peak, self._peak, self._valley = self._peak, None, level
            return (peak,)
        return ()


class TransitionStore:
    """Holds a bounded number of transitions, spread over the episode."""

    def __init__(self, capacity: int, size_bytes: int) -> None:
        self._capacity = capacity
        self._size_bytes = size_bytes
        self._held: list[Transition] = []
        self._held_bytes = 0

    def frames(self) -> Iterator[Frame]:
        """Yield the frames held, oldest first."""
        return (transition.frame for transition in self._held)

    def strongest(self) -> list[Transition]:
        """Return what is held, strongest first; of equals the older first."""
        return sorted(self._held, key=lambda held: (-held.strength, held.frame.stamp_ns))

    def add(self, transition: Transition) -> None:
        """Keep a transition; where there are too many, of the two closest in time the weaker goes."""
        if any(held.frame.stamp_ns == transition.frame.stamp_ns for held in self._held):
            return
        self._held.append(transition)
        self._held.sort(key=lambda held: held.frame.stamp_ns)
        self._held_bytes += transition.frame.image.size_bytes
        while len(self._held) > self._capacity or self._held_bytes > self._size_bytes:
            self._held_bytes -= self._held.pop(self._most_crowded()).frame.image.size_bytes

    def _most_crowded(self) -> int:
        """Return the index of the weaker of the two that are closest in time."""
        if len(self._held) < 2:
            return 0
        stamps = [held.frame.stamp_ns for held in self._held]
        index = min(range(len(stamps) - 1), key=lambda left: stamps[left + 1] - stamps[left])
        return index if self._held[index].strength < self._held[index + 1].strength else index + 1
