"""A recorded episode of a made-up square, in memory, for tests of what is made of recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.replay.events import Event, TrueProgress
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.replay.truth import EpisodeTruth
from vlm_judge_ros.tasks.task import Task

STARTED_NS = 10**18
STEP_NS = 50_000_000


@dataclass(frozen=True)
class RecordedSquare:
    """Pictures twenty times a second, whose grey level is the number of the picture, 0 to 250."""

    key: str = "square"
    pictures: int = 60
    task: str = "move the square"
    cameras: tuple[str, ...] = ("front", "wrist")

    @property
    def description(self) -> EpisodeDescription:
        return EpisodeDescription(
            key=self.key,
            name=self.key,
            task=self.task,
            origin="memory",
            cameras=self.cameras,
            started_ns=STARTED_NS,
            ended_ns=STARTED_NS + self.pictures * STEP_NS,
            truth=EpisodeTruth(name=self.key, task_instruction=self.task, outcome="success"),
        )

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        for number in range(self.pictures):
            stamp_ns = STARTED_NS + number * STEP_NS
            if number % 20 == 0:
                yield Event(stamp_ns, Chunk(number + 1, stamp_ns, 10, 0.1))
            yield Event(stamp_ns, TrueProgress(number / self.pictures))
            yield Event(stamp_ns, JointSample(stamp_ns, ("elbow",), (float(number),)))
            yield Event(stamp_ns, SignalSample(stamp_ns, {"force": 1.0}))
            for place, camera in enumerate(self.cameras):
                image = _picture(number, place)
                yield Event(stamp_ns, Frame(camera, stamp_ns, image, image.thumbnail()))


def level(frame: Frame) -> int:
    """The number of the picture."""
    return round(float(frame.image.rgb().mean()))


def _picture(number: int, place: int) -> CompressedImage:
    encoded, png = cv2.imencode(".png", np.full((24, 32), number, dtype=np.uint8))
    assert encoded and place >= 0
    return CompressedImage(png.tobytes())
