"""How much moves within a window of seconds: joints, and what a camera sees."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.joint_stream import MOST_JOINTS

JOINT_SLOTS = 16
IMAGE_SLOTS = 8
IMAGE_NOISE = 12
"""Changes of a spot by fewer grey levels than this, of 255, are noise."""


class JointTravel:
    """Keeps lowest and highest position of each joint per slot, a sixteenth of the window.

    Args:
        window_s: the window.
        joints: joints to watch; empty for all.
    """

    def __init__(self, window_s: float, joints: tuple[str, ...] = ()) -> None:
        self._slot_ns = max(1, nanoseconds(window_s) // JOINT_SLOTS)
        self._joints = frozenset(joints)
        # One slot more than the window has, so that the window is covered wherever its start falls.
        self._slots: deque[tuple[int, dict[str, list[float]]]] = deque(maxlen=JOINT_SLOTS + 1)

    @property
    def covered(self) -> bool:
        """Whether positions were heard for as long as the window."""
        return bool(self._slots) and self._slots[-1][0] - self._slots[0][0] >= JOINT_SLOTS

    def add(self, sample: JointSample) -> bool:
        """Take positions; those that are not finite are passed over. True where a slot was completed."""
        index = sample.stamp_ns // self._slot_ns
        newest = self._slots[-1][0] if self._slots else None
        opens = newest is None or index > newest or index < newest - JOINT_SLOTS
        if opens:
            if newest is not None and index < newest:
                self._slots.clear()
            self._slots.append((index, {}))
            while self._slots[0][0] < index - JOINT_SLOTS:
                self._slots.popleft()
        spans = self._slots[-1][1]
        for name, position in zip(sample.names, sample.positions, strict=True):
            if not math.isfinite(position) or (self._joints and name not in self._joints):
                continue
            span = spans.get(name)
            if span is None:
                if len(spans) < MOST_JOINTS:
                    spans[name] = [position, position]
            elif position < span[0]:
                span[0] = position
            elif position > span[1]:
                span[1] = position
        return opens

    def farthest(self) -> tuple[float, str]:
        """How far the joint that moved most moved within the window, in rad (m for a prismatic one), and its name.

        NaN and no name where no joint was heard.
        """
        spans: dict[str, tuple[float, float]] = {}
        for _, slot in self._slots:
            for name, (low, high) in slot.items():
                known = spans.get(name, (low, high))
                spans[name] = (min(low, known[0]), max(high, known[1]))
        return max(((high - low, name) for name, (low, high) in spans.items()), default=(math.nan, ""))


class ImageChange:
    """Compares what one camera shows with what it showed within the window, eight times per window.

    Args:
        window_s: the window.
    """

    def __init__(self, window_s: float) -> None:
        self._window_ns = nanoseconds(window_s)
        self._slot_ns = max(1, self._window_ns // IMAGE_SLOTS)
        self._shown: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=IMAGE_SLOTS + 1)
        self._newest_ns = 0
        self._share = 1.0

    def add(self, frame: Frame) -> None:
        """Take a frame."""
        self._newest_ns = frame.stamp_ns
        index = frame.stamp_ns // self._slot_ns
        if self._shown and self._shown[-1][0] - IMAGE_SLOTS <= index <= self._shown[-1][0]:
            return
        if self._shown and index < self._shown[-1][0]:
            self._shown.clear()
        self._shown.append((index, frame.thumbnail))
        while self._shown[0][0] < index - IMAGE_SLOTS:
            self._shown.popleft()
        before = np.stack([shown for _, shown in self._shown])
        # The larger minus the smaller: unsigned bytes never wrap.
        change = np.maximum(before, frame.thumbnail) - np.minimum(before, frame.thumbnail)
        self._share = float((change > IMAGE_NOISE).mean(axis=(1, 2)).max())

    def share(self, now_ns: int) -> float:
        """Share of the image that changed within the window; NaN where no frames cover it."""
        covered = bool(self._shown) and self._shown[-1][0] - self._shown[0][0] >= IMAGE_SLOTS - 1
        fresh = now_ns - self._newest_ns <= self._window_ns
        return self._share if covered and fresh else math.nan
