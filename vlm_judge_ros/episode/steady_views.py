"""Frames of all cameras, chosen so that most choices begin alike."""

from __future__ import annotations

from collections.abc import Mapping

from vlm_judge_ros.episode.frame import FrameRole, Keyframe
from vlm_judge_ros.episode.keyframes import KeyframeBuffer, even_stamps

_SHORTEST_NS = 100_000_000


class SteadyViews:
    """Chooses frames spread over the episode, and keeps the choice until the episode has grown by a quarter.

    Then all but the newest frame of each camera are chosen anew, evenly over the time until now; in between only the
    newest ones change. A model that keeps what it has read thus reads only these anew. The choice depends on nothing
    but the frames and their order. The frames chosen are held here too, at most `count` - 1 per camera, because the
    buffers may drop them meanwhile.

    Args:
        count: frames per camera, the newest included; at least 2.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._next_ns = 0
        self._anchors: dict[str, tuple[Keyframe, ...]] = {}

    def update(self, buffers: Mapping[str, KeyframeBuffer]) -> None:
        """Choose anew where it is time. To be called after every frame."""
        seen = [
            (buffer.first, buffer.newest)
            for buffer in buffers.values()
            if buffer.first is not None and buffer.newest is not None
        ]
        if not seen or len(seen) < len(buffers):
            return
        first_ns = min(first.stamp_ns for first, _ in seen)
        # The slowest camera counts, so that it does not matter in which order those of one moment come.
        elapsed_ns = min(newest.stamp_ns for _, newest in seen) - first_ns
        if elapsed_ns < self._next_ns:
            return
        reached_ns = 0
        while self._next_ns <= elapsed_ns:
            reached_ns, self._next_ns = self._next_ns, max(self._next_ns * 5 // 4, _SHORTEST_NS)
        moments = even_stamps(first_ns, first_ns + reached_ns, self._count)
        self._anchors = {
            camera: buffer.select_at(moments, 0)[:-1] or (Keyframe(first, FrameRole.FIRST),)
            for (camera, buffer), (first, _) in zip(buffers.items(), seen, strict=True)
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
