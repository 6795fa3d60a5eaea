"""Takes the pictures of one scene that are needed, and none twice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.simulation.camera import CAMERAS, Pose, Studio, View
from vlm_judge_ros.steering.history import raw_image

Views = Mapping[str, RawImage]


class Photographer:
    """Remembers the pictures of the last decision: what was predicted of the chosen chunk is what then happens."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._taken: list[tuple[Pose, Views]] = []

    def begin(self, view: View) -> None:
        """Begin an episode, after its world was reset."""
        self._studio.set_view(view)
        self.forget()

    def take(self, pose: Pose) -> Views:
        """A picture of each camera."""
        for known, views in self._taken:
            if all(np.array_equal(known[name], values) for name, values in pose.items()):
                return views
        views = {camera: raw_image(self._studio.take(camera, pose)) for camera in CAMERAS}
        self._taken.append((pose, views))
        return views

    def forget(self) -> None:
        """Drop what was taken."""
        self._taken = []
