"""Frames of all cameras, chosen so that most choices begin alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.keyframes import KeyframeBuffer, even_stamps

_SHORTEST_NS = 100_000_000


class SteadyViews:
    """Chooses frames spread over the episode, and keeps the choice until the episode has grown by a quarter.

    Then all but the newest frame of each camera are chosen anew over the time until now, evenly to within a quarter of
    a gap, so that many of those before can stay; in between only the newest ones change. A model that keeps what it has
    read thus has little to read anew. The choice depends on nothing but the frames and their order. The frames chosen
    are held here too, at most `count` - 1 per camera, because the buffers may drop them meanwhile.

    Args:
        count: frames per camera, the newest included; at least 2.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._next_ns = 0
        self._anchors: dict[str, tuple[Keyframe, ...]] = {}

    def update(self, buffers: Mapping[str, KeyframeBuffer]) -> None:
        """Choose anew where it is time. To be called after every frame."""
        firsts = {camera: buffer.first for camera, buffer in buffers.items() if buffer.first is not None}
        newest_ns = [buffer.newest.stamp_ns for buffer in buffers.values() if buffer.newest is not None]
        if not firsts or len(firsts) < len(buffers):
            return
        first_ns = min(first.stamp_ns for first in firsts.values())
        # The slowest camera counts, so that it does not matter in which order those of one moment come.
        elapsed_ns = min(newest_ns) - first_ns
        if elapsed_ns < self._next_ns:
            return
        reached_ns = 0
        while self._next_ns <= elapsed_ns:
            reached_ns, self._next_ns = self._next_ns, max(self._next_ns * 5 // 4, _SHORTEST_NS)
        moments = even_stamps(first_ns, first_ns + reached_ns, self._count)
        slack_ns = reached_ns // (self._count - 1) // 4
        self._anchors = {
            camera: _choose(buffers[camera], first, moments, self._anchors.get(camera, ()), slack_ns)
            for camera, first in firsts.items()
        }

    def views(self, buffers: Mapping[str, KeyframeBuffer]) -> dict[str, tuple[Keyframe, ...]]:
        """The choice per camera, oldest first, the newest last; a camera without frames is left out."""
        return {
            camera: (
                *(entry for entry in self._anchors.get(camera, ()) if entry.frame is not buffer.newest),
                Keyframe(buffer.newest, FrameRole.NEWEST),
            )
            for camera, buffer in buffers.items()
            if buffer.newest is not None
        }


def _choose(
    buffer: KeyframeBuffer, first: Frame, moments: Sequence[int], before: Sequence[Keyframe], slack_ns: int
) -> tuple[Keyframe, ...]:
    """The first frame and one for each moment: of those chosen before where one lies within the slack."""
    chosen = {first.stamp_ns: Keyframe(first, FrameRole.FIRST)}
    for moment_ns in moments:
        frame = next(
            (entry.frame for entry in before if abs(entry.frame.stamp_ns - moment_ns) <= slack_ns),
            buffer.nearest(moment_ns),
        )
        assert frame is not None
        chosen.setdefault(frame.stamp_ns, Keyframe(frame, FrameRole.SPREAD))
    return tuple(chosen[stamp_ns] for stamp_ns in sorted(chosen))
