"""The frames of a running episode, for a caller that has no judge node beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.verdict.running import RunningEpisode
from vlm_judge_ros.verdict.settings import EngineSettings


class EpisodeHistory:
    """Keeps what a judge node would keep of an episode, and chooses from it what a judge is shown.

    Args:
        episode_id: name of the episode.
        task: the instruction.
        started_ns: stamp of the start of the episode.
        settings: as of a judge node: which cameras there are, and how their frames are chosen.

    Raises:
        JudgeError: there is no instruction.
    """

    def __init__(self, episode_id: str, task: str, started_ns: int, settings: EngineSettings) -> None:
        if not task.strip():
            raise JudgeError(f"Episode {episode_id} has no task; give the instruction.")
        self._cameras = settings.camera_names
        self._newest_ns = dict.fromkeys(self._cameras, started_ns - 1)
        self._episode = RunningEpisode(settings, episode_id, task, started_ns)

    @property
    def newest_ns(self) -> int:
        """Stamp of the newest frame of all cameras; before the start of the episode where there is none."""
        return max(self._newest_ns.values())

    def add(self, camera: str, stamp_ns: int, image: RawImage | CompressedImage) -> None:
        """Take the next frame of a camera.

        Raises:
            JudgeError: there is no such camera, or the stamp does not rise.
        """
        if camera not in self._newest_ns:
            raise JudgeError(f"There is no camera {camera!r} in this episode; it has {', '.join(self._cameras)}.")
        if stamp_ns <= self._newest_ns[camera]:
            raise JudgeError(
                f"A frame of camera {camera} has the stamp {stamp_ns} ns, and {self._newest_ns[camera]} ns has passed; "
                "give frames in the order in which they were taken."
            )
        self._newest_ns[camera] = stamp_ns
        self._episode.add_frame(Frame(camera, stamp_ns, image, image.thumbnail))

    def evidence(self, chunk_id: int = 0) -> Evidence:
        """What a judge is shown of the episode until now.

        Raises:
            JudgeError: a camera has shown nothing yet.
        """
        evidence = self._episode.evidence(chunk_id)
        if evidence is None:
            raise JudgeError(
                f"Not all of the cameras {', '.join(self._cameras)} have shown something; give a frame each."
            )
        return evidence


def raw_image(pixels: NDArray[np.uint8]) -> RawImage:
    """An image of pixels as cameras and world models give them, RGB, shape (height, width, 3).

    Raises:
        JudgeError: they have another shape or type.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise JudgeError(
            f"An image has the shape {pixels.shape} and the type {pixels.dtype}; give (height, width, 3) of uint8."
        )
    height, width, _ = pixels.shape
    return RawImage(np.ascontiguousarray(pixels).tobytes(), width, height, "rgb8", 3 * width)
