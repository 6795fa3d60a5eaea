"""Asking a judge alone, about what was not recorded so: no check of the cameras may keep it from being asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vlm_judge_ros.verdict.settings import EngineSettings


def unwatched(settings: EngineSettings) -> EngineSettings:
    """The same settings without the checks of what cameras show, and without a review.

    A camera that falls silent still counts as blind: then the episode itself has no pictures to ask about.
    """
    off: dict[str, Any] = dict.fromkeys(("frozen_s", "overexposed_share", "blocked_contrast", "blurred_share"), 0)
    cameras = tuple(
        replace(camera, limits=replace(camera.limits, black_level=-1, **off)) for camera in settings.cameras
    )
    return replace(settings, cameras=cameras, review=None)
