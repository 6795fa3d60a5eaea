"""Layer 0: does a camera show the same image while the robot moves?

A still image alone proves nothing: the scene may be still, and the robot may work out of view. So a camera is called
frozen only on what it has shown before. Images are still while no four spots of their thumbnails leave those of the
first by more than the noise; they are the same while the thumbnails are identical.

1. A camera that shows noise while all joints rest never shows the same image twice. One that does while joints move,
   for `frozen_s`, is frozen. So is one that has shown one same image since it was first seen, after five times the
   travel.
2. A camera that moves along with joints, as one on a wrist, sees everything move when these move. It is known by what
   it has shown: where nothing but joints that move now moved, it often saw most of what has texture change. A still
   image of it, for `frozen_s` and twice as much travel as any still image that it has shown before, is frozen.
3. Any other camera that has seen these joints move is frozen, or sees none of what the robot does, after
   `frozen_view_s` and three times as much travel as any still image that it has shown before.

A camera that has only ever seen other joints move, as the wrist camera of the arm that rests, is never called frozen
by 2 or 3, nor is one that has seen no motion yet. Where light changes, no image is still, and nothing is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.camera_limits import CameraLimits

Thumbnail = NDArray[np.uint8]
Travels = Mapping[str, float]

LEAST_SPOTS = 4
# Motion is looked at in steps of this length; this much of a joint's travel in a step is motion.
STEP_NS = nanoseconds(0.5)
LEAST_TRAVEL = 0.02
LEAST_STEPS = 4
TEXTURE = 12
LEAST_TEXTURE_SHARE = 0.1
MOVED_ALONG_SHARE, MOVED_ALONG_OFTEN = 0.4, 0.25
LEAST_RESTING, NOISY_SHARE = 20, 0.9
NEVER_CHANGED = 5.0
ALONG_MARGIN, VIEW_MARGIN = 2.0, 3.0
MOST_GROUPS = 64


@dataclass(frozen=True, slots=True)
class Frozen:
    """An image that does not change.

    Attributes:
        since_ns: stamp of the first such frame.
        limit_s: how long it may last.
        joint_travel: how far the joints have travelled meanwhile, all together.
    """

    since_ns: int
    limit_s: float
    joint_travel: float


class _Stretch:
    """Frames in a row whose images do not change, from the first one on."""

    __slots__ = ("differing", "resting", "since_ns", "thumbnail", "travels")

    def __init__(self, thumbnail: Thumbnail, stamp_ns: int, travels: Travels) -> None:
        self.thumbnail = thumbnail
        self.since_ns = stamp_ns
        self.travels = dict(travels)
        self.resting = 0
        self.differing = 0


@dataclass(slots=True)
class _Group:
    """What a camera has shown while just these joints moved.

    Attributes:
        changed: number of steps in which something changed.
        along: number of steps in which most of what has texture changed.
        longest: farthest that the joints travelled while the image stayed still, all together.
    """

    changed: int = 0
    along: int = 0
    longest: float = 0.0


class FrozenImage:
    """Remembers how the images of one camera change with the motion of the joints."""

    def __init__(self, limits: CameraLimits) -> None:
        self._limits = limits
        self._groups: dict[frozenset[str], _Group] = {}
        self._resting = 0
        self._differing = 0
        self._changed = False
        self.restart()

    def restart(self) -> None:
        """Forget stamps and images; what was learnt of the camera stays."""
        self._newest: Thumbnail | None = None
        self._newest_ns = 0
        self._path = 0.0
        self._same: _Stretch | None = None
        self._still: _Stretch | None = None
        self._step: _Stretch | None = None

    def add(self, thumbnail: Thumbnail, stamp_ns: int, travels: Travels) -> None:
        """Take the next image.

        Args:
            thumbnail: grey image of shape (24, 32).
            stamp_ns: its stamp.
            travels: how far each joint has travelled so far, in rad (m for prismatic ones).
        """
        path = sum(travels.values())
        if self._newest is None or self._same is None or self._still is None or self._step is None:
            self._same = self._still = self._step = _Stretch(thumbnail, stamp_ns, travels)
        else:
            same = self._newest.tobytes() == thumbnail.tobytes()
            if path == self._path:
                self._still.resting += 1
                self._still.differing += not same
            if not same:
                self._same = _Stretch(thumbnail, stamp_ns, travels)
            if not same and self._differ(self._still.thumbnail, thumbnail):
                self._learn_stillness(self._still, travels)
                self._still = _Stretch(thumbnail, stamp_ns, travels)
            if stamp_ns - self._step.since_ns >= STEP_NS:
                self._learn_motion(self._step, thumbnail, travels)
                self._step = _Stretch(thumbnail, stamp_ns, travels)
        self._newest, self._newest_ns, self._path = thumbnail, stamp_ns, path

    def finding(self, travels: Travels) -> Frozen | None:
        """Say whether the image is frozen, the joints having travelled so far by now."""
        limits = self._limits
        if self._same is None or self._still is None or not limits.frozen_s:
            return None
        path = sum(travels.values())
        same = Frozen(self._same.since_ns, limits.frozen_s, path - sum(self._same.travels.values()))
        never = not self._changed and self._same is self._still
        if (self._is_noisy or never) and self._holds(
            same, limits.frozen_joint_travel * (NEVER_CHANGED if never else 1)
        ):
            return same
        still = Frozen(self._still.since_ns, limits.frozen_s, path - sum(self._still.travels.values()))
        if not self._holds(still, limits.frozen_joint_travel):
            return None
        known = self._known_of(moved(self._still.travels, travels))
        if known.changed < LEAST_STEPS:
            return None
        along = known.along >= MOVED_ALONG_OFTEN * known.changed and _textured(self._still.thumbnail)
        if along and self._holds(still, ALONG_MARGIN * known.longest):
            return still
        view = Frozen(still.since_ns, limits.frozen_view_s, still.joint_travel)
        return view if limits.frozen_view_s and self._holds(view, VIEW_MARGIN * known.longest) else None

    @property
    def _is_noisy(self) -> bool:
        return self._resting >= LEAST_RESTING and self._differing >= NOISY_SHARE * self._resting

    def _holds(self, frozen: Frozen, travel: float) -> bool:
        return self._newest_ns - frozen.since_ns >= nanoseconds(frozen.limit_s) and frozen.joint_travel >= travel

    def _differ(self, one: Thumbnail, other: Thumbnail) -> bool:
        # A limit of noise of 0 leaves no difference that is noise, however few spots have it.
        least = LEAST_SPOTS if self._limits.frozen_noise else 1
        return int(np.count_nonzero(self._change(one, other))) >= least

    def _change(self, one: Thumbnail, other: Thumbnail) -> NDArray[np.bool_]:
        return np.asarray(cv2.absdiff(one, other) > self._limits.frozen_noise)

    def _learn_stillness(self, still: _Stretch, travels: Travels) -> None:
        """A still image has ended."""
        self._changed = True
        self._resting += still.resting
        self._differing += still.differing
        group = self._group(moved(still.travels, travels))
        if group is not None:
            group.longest = max(group.longest, sum(travels.values()) - sum(still.travels.values()))

    def _learn_motion(self, step: _Stretch, thumbnail: Thumbnail, travels: Travels) -> None:
        if not self._differ(step.thumbnail, thumbnail):
            return
        group = self._group(moved(step.travels, travels))
        if group is None:
            return
        texture = _texture(step.thumbnail)
        change = self._change(step.thumbnail, thumbnail) & texture
        group.changed += 1
        textured = int(np.count_nonzero(texture))
        group.along += textured > 0 and int(np.count_nonzero(change)) >= MOVED_ALONG_SHARE * textured

    def _group(self, joints: frozenset[str]) -> _Group | None:
        if not joints or (joints not in self._groups and len(self._groups) >= MOST_GROUPS):
            return None
        return self._groups.setdefault(joints, _Group())

    def _known_of(self, joints: frozenset[str]) -> _Group:
        """What was shown while some of these joints moved and no others."""
        known = _Group()
        for group_joints, group in self._groups.items():
            if group_joints <= joints:
                known.changed += group.changed
                known.along += group.along
                known.longest = max(known.longest, group.longest)
        return known


def moved(before: Travels, now: Travels) -> frozenset[str]:
    """Names of the joints that have travelled noticeably between two moments."""
    return frozenset(name for name, travel in now.items() if travel - before.get(name, 0.0) >= LEAST_TRAVEL)


def _texture(thumbnail: Thumbnail) -> NDArray[np.bool_]:
    """Spots that differ from a neighbour: only there a camera that moves sees a change."""
    across = cv2.absdiff(thumbnail[:, 1:], thumbnail[:, :-1]) > TEXTURE
    down = cv2.absdiff(thumbnail[1:], thumbnail[:-1]) > TEXTURE
    texture = np.zeros(thumbnail.shape, np.bool_)
    texture[:, 1:] |= across
    texture[:, :-1] |= across
    texture[1:] |= down
    texture[:-1] |= down
    return texture


def _textured(thumbnail: Thumbnail) -> bool:
    return bool(np.count_nonzero(_texture(thumbnail)) >= LEAST_TEXTURE_SHARE * thumbnail.size)
