"""Which frames are looked at: of each camera about ten a second, and of several cameras those of the same moments."""

from __future__ import annotations

from vlm_judge_ros.episode.stamps import nanoseconds

LEAST_GAP_NS = nanoseconds(0.075)
"""Two frames of a camera that are looked at lie so far apart or more: every third at 30 Hz, and every one at 10 Hz even
where its stamps are a quarter of a period off."""

USUAL_GAP_NS = nanoseconds(0.095)
"""After so long some camera begins the next moment, whichever sends first."""


class Looking:
    """Chooses by stamps alone, so that the same frames are always looked at.

    A frame is looked at where the one before that was is far enough away, or where a moment has begun in which its
    camera was not looked at. So cameras at 30 Hz that fall out of step, as by a lost frame, come back to the same
    moments.
    """

    def __init__(self) -> None:
        self._looked_ns: dict[str, int] = {}
        self._moments_ns: dict[str, int] = {}
        self._moment_ns: int | None = None
        self._awaited: set[str] = set()

    def look_at_next(self) -> None:
        """Let the next whole frame of each camera that is known be looked at, whatever its stamp."""
        self._awaited.update(self._looked_ns)

    def is_due(self, camera: str, stamp_ns: int) -> bool:
        """Whether the next frame of a camera is to be looked at."""
        return camera in self._awaited or self._is_in_turn(camera, stamp_ns)

    def look(self, camera: str, stamp_ns: int, whole: bool = True) -> None:
        """Note that a frame was looked at; after one that was not `whole` the next one is due at once.

        Frames that are looked at out of turn change nothing in the turns to come.
        """
        if self._is_in_turn(camera, stamp_ns):
            self._looked_ns[camera] = stamp_ns
            if self._moment_ns is None or stamp_ns - self._moment_ns >= LEAST_GAP_NS:
                self._moment_ns = stamp_ns
            self._moments_ns[camera] = self._moment_ns
        if whole:
            self._awaited.discard(camera)
        else:
            self._awaited.add(camera)

    def _is_in_turn(self, camera: str, stamp_ns: int) -> bool:
        looked_ns = self._looked_ns.get(camera)
        if looked_ns is None or not 0 <= stamp_ns - looked_ns < LEAST_GAP_NS:
            return True
        moment_ns = self._moment_ns
        return moment_ns is None or self._moments_ns[camera] != moment_ns or stamp_ns - moment_ns >= USUAL_GAP_NS
