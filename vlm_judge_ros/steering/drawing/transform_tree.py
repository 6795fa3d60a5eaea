"""Where coordinate frames are in each other, as TF tells it."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.transform import Transform

KEPT_S = 5.0
"""How far back the tree knows where frames were."""
LATE_S = 0.3
"""How much older than a picture the newest transform may be, which then holds: most are published less often."""
MOST_FRAMES = 2000
_MOST_SAMPLES = 5000


@dataclass(frozen=True, slots=True, order=True)
class _Sample:
    """A transform as it came; turned into matrices only where it is needed."""

    stamp_ns: int
    position: Sequence[float] = field(compare=False)
    orientation: Sequence[float] = field(compare=False)

    def transform(self) -> Transform:
        return Transform.of_quaternion(self.position, self.orientation)


@dataclass(slots=True)
class _Edge:
    parent: str
    fixed: bool
    samples: list[_Sample] = field(default_factory=list)


class TransformTree:
    """Frames and where they were during the last seconds. One thread may add while others look.

    Follows the conventions of tf2 (Foote, "tf: The transform library", 2013): a frame has one parent, a transform is
    the pose of the child in its parent, and between two of them is interpolated, evenly in place and angle.
    """

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}
        self._lock = threading.Lock()

    def add(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        position: Sequence[float],
        orientation: Sequence[float],
        fixed: bool = False,
    ) -> None:
        """Take one transform.

        One that is older than what is kept means that the clock was set back, and what was known of the frame is
        forgotten.

        Args:
            parent: name of the frame in which the child is.
            child: name of the frame.
            stamp_ns: when it was there.
            position: x, y, z in metres.
            orientation: quaternion x, y, z, w.
            fixed: it is there at all times.

        Raises:
            JudgeError: there are too many frames, or a name is empty or that of its own parent.
        """
        parent, child = parent.lstrip("/"), child.lstrip("/")
        if not parent or not child or parent == child:
            raise JudgeError(f"TF tells of the frame {child!r} in {parent!r}; mend who publishes that.")
        sample = _Sample(stamp_ns, position, orientation)
        with self._lock:
            edge = self._edges.get(child)
            if edge is None and len(self._edges) >= MOST_FRAMES:
                raise JudgeError(f"TF tells of more than {MOST_FRAMES} frames; publish those alone that are needed.")
            if edge is None or edge.parent != parent or edge.fixed is not fixed or fixed:
                self._edges[child] = _Edge(parent, fixed, [sample])
                return
            samples = edge.samples
            if stamp_ns < samples[-1].stamp_ns - nanoseconds(KEPT_S):
                samples.clear()
            insort(samples, sample)
            oldest_ns = samples[-1].stamp_ns - nanoseconds(KEPT_S)
            first = max(bisect_left(samples, oldest_ns, key=_stamp_of), len(samples) - _MOST_SAMPLES)
            if first > 0:
                del samples[:first]

    def pose(self, frame: str, inside: str, stamp_ns: int) -> Transform:
        """Where a frame is in another one.

        Args:
            frame: whose pose is wanted.
            inside: in which it is wanted.
            stamp_ns: when.

        Raises:
            JudgeError: TF does not tell; the sentence says what is missing.
        """
        frame, inside = frame.lstrip("/"), inside.lstrip("/")
        with self._lock:
            up, over = self._way_up(frame), self._way_up(inside)
            meeting = next((name for name in up if name in over), None)
            if meeting is None:
                raise JudgeError(
                    f"TF does not tell where the frame {frame} is in {inside}: "
                    f"{self._ending(frame, up)} and {self._ending(inside, over)}; publish what lies between them."
                )
            there, back = (self._along(way[: way.index(meeting)], stamp_ns) for way in (up, over))
        return back.inverse() @ there

    def _way_up(self, frame: str) -> list[str]:
        way = [frame]
        while (edge := self._edges.get(way[-1])) is not None:
            if edge.parent in way:
                raise JudgeError(f"The frame {edge.parent} of TF is inside itself; mend who publishes that.")
            way.append(edge.parent)
        return way

    def _ending(self, frame: str, way: Sequence[str]) -> str:
        known = frame in self._edges or any(edge.parent == frame for edge in self._edges.values())
        if not known:
            return f"of {frame} it tells nothing"
        return f"{frame} hangs on {way[-1]}" if len(way) > 1 else f"{frame} hangs on nothing"

    def _along(self, way: Sequence[str], stamp_ns: int) -> Transform:
        """The pose of the first frame of a way in the parent of its last."""
        pose = Transform.identity()
        for name in way:
            pose = self._at(name, stamp_ns) @ pose
        return pose

    def _at(self, name: str, stamp_ns: int) -> Transform:
        edge = self._edges[name]
        samples = edge.samples
        if edge.fixed:
            return samples[0].transform()
        after = bisect_left(samples, stamp_ns, key=_stamp_of)
        if after == len(samples):
            late_s = (stamp_ns - samples[-1].stamp_ns) * 1e-9
            if late_s > LATE_S:
                raise JudgeError(
                    f"TF told last where the frame {name} is {late_s:.2f} s before the picture, at most {LATE_S:g} s "
                    "are taken; publish it more often."
                )
            return samples[-1].transform()
        if samples[after].stamp_ns == stamp_ns:
            return samples[after].transform()
        if after == 0:
            raise JudgeError(
                f"TF tells where the frame {name} is only from {(samples[0].stamp_ns - stamp_ns) * 1e-9:.2f} s after "
                "the picture on; ask again later."
            )
        before = samples[after - 1]
        share = (stamp_ns - before.stamp_ns) / (samples[after].stamp_ns - before.stamp_ns)
        return between(before.transform(), samples[after].transform(), share)


def between(first: Transform, second: Transform, share: float) -> Transform:
    """The pose on the way from one to another, where both place and angle change evenly.

    Args:
        first: at share 0.
        second: at share 1.
        share: 0 to 1.
    """
    turn = first.rotation.T @ second.rotation
    angle = math.acos(min(1.0, max(-1.0, (float(np.trace(turn)) - 1.0) / 2.0)))
    place = (1.0 - share) * first.translation + share * second.translation
    sine = math.sin(angle)
    if sine < 1e-9:  # hardly a turn, or half of one, about whatever axis
        return Transform((first if share < 0.5 else second).rotation, place)
    across = (turn - turn.T) / (2.0 * sine)
    turned = share * angle
    part = np.eye(3) + math.sin(turned) * across + (1.0 - math.cos(turned)) * (across @ across)
    return Transform(first.rotation @ part, place)


def _stamp_of(sample: _Sample) -> int:
    return sample.stamp_ns
