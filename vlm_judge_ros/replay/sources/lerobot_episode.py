"""One episode of a LeRobot dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.events import BrokenFrame, Event
from vlm_judge_ros.replay.sources.joint_unit import JointUnit
from vlm_judge_ros.replay.sources.lerobot_info import ACTION, STATE
from vlm_judge_ros.replay.sources.lerobot_rows import TIMESTAMP, episode_rows
from vlm_judge_ros.replay.sources.lerobot_tables import EpisodeEntry, VideoPart
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.replay.sources.video_file import video_frames
from vlm_judge_ros.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Signals:
    """Which numbers of the rows are told, and as what.

    Attributes:
        joints: a name for each number of `observation.state`; empty where they are not told.
        unit: unit of those numbers.
        actions: a name for each number of `action`; empty where actions are not told.
        chunk_rows: so many actions are announced together.
    """

    joints: tuple[str, ...] = ()
    unit: JointUnit = JointUnit.RAD
    actions: tuple[str, ...] = ()
    chunk_rows: int = 0


@dataclass(frozen=True, slots=True)
class LeRobotEpisode:
    """One episode of a LeRobot dataset; see `RecordedEpisode`.

    Attributes:
        description: what is known of it.
        entry: where it lies.
        fps: frames per second.
        cameras: name of a camera to its column.
        signals: which numbers are told.
    """

    description: EpisodeDescription
    entry: EpisodeEntry
    fps: float
    cameras: Mapping[str, str]
    signals: Signals = field(default_factory=Signals)

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        """Read it; see `RecordedEpisode.events`. A dataset has no messages, and none of the signals that tasks name."""
        in_table = [key for key in self.cameras.values() if key not in self.entry.videos]
        videos = {
            camera: _Video(self.entry, camera, self.entry.videos[key], self.fps)
            for camera, key in self.cameras.items()
            if key in self.entry.videos
        }
        chunks = self._chunks()
        chunk = next(chunks, None)
        for row in episode_rows(self.entry, [STATE] if self.signals.joints else [], in_table):
            time_s: float = row[TIMESTAMP]
            now_ns = self._stamp_ns(time_s)
            if chunk is not None and chunk.stamp_ns <= now_ns:
                yield Event(now_ns, chunk)
                chunk = next(chunks, None)
            if self.signals.joints:
                yield Event(now_ns, self._joints(row, now_ns))
            for camera, key in self.cameras.items():
                if camera in videos:
                    image = videos[camera].at(time_s)
                    yield Event(now_ns, Frame(camera, now_ns, image, image.thumbnail))
                else:
                    yield Event(now_ns, self._picture(row[key], camera, now_ns))

    def _chunks(self) -> Iterator[Chunk]:
        """The recorded actions in chunks; read a second time, because they are announced before they are done."""
        names = self.signals.actions
        if not names:
            return
        number, stamp_ns = 0, 0
        actions: list[list[float]] = []
        for row in episode_rows(self.entry, [ACTION]):
            if not actions:
                number, stamp_ns = number + 1, self._stamp_ns(row[TIMESTAMP])
            actions.append(self._numbers(row, ACTION, len(names)))
            if len(actions) == self.signals.chunk_rows:
                yield self._chunk(number, stamp_ns, actions)
                actions = []
        if actions:
            yield self._chunk(number, stamp_ns, actions)

    def _chunk(self, number: int, stamp_ns: int, actions: list[list[float]]) -> Chunk:
        return Chunk(
            id=number,
            stamp_ns=stamp_ns,
            horizon=len(actions),
            step_s=1.0 / self.fps,
            action_names=self.signals.actions,
            actions=np.array(actions, dtype=np.float64),
        )

    def _stamp_ns(self, time_s: float) -> int:
        return self.description.started_ns + round(time_s * 1e9)

    def _joints(self, row: Mapping[str, Any], now_ns: int) -> JointSample:
        numbers = self._numbers(row, STATE, len(self.signals.joints))
        self.signals.unit.check(numbers, f"{STATE} of episode {self.entry.number} in {self.entry.data}")
        return JointSample(now_ns, self.signals.joints, tuple(self.signals.unit.in_rad(number) for number in numbers))

    def _picture(self, held: Any, camera: str, now_ns: int) -> Frame | BrokenFrame:
        data = held.get("bytes") if isinstance(held, dict) else None
        if not data:
            raise JudgeError(
                f"A picture of {camera} in {self.entry.data} is not in the table; save the dataset with its pictures "
                "embedded, or as videos."
            )
        try:
            image = CompressedImage(data)
            return Frame(camera, now_ns, image, image.thumbnail)
        except BrokenImage as error:
            return BrokenFrame(camera, error.fault, str(error))

    def _numbers(self, row: Mapping[str, Any], column: str, width: int) -> list[float]:
        held = row[column]
        numbers = held if isinstance(held, list) else [held]
        if len(numbers) != width or not all(isinstance(number, (int, float)) for number in numbers):
            raise JudgeError(
                f"The column {column} of episode {self.entry.number} in {self.entry.data} holds {str(held)[:60]}; "
                f"info.json promises {width} numbers."
            )
        return [float(number) for number in numbers]


class _Video:
    """The frames of one camera of one episode, asked for in order of time."""

    def __init__(self, entry: EpisodeEntry, camera: str, part: VideoPart, fps: float) -> None:
        self._what = f"episode {entry.number} of camera {camera} in {part.path}"
        self._length = entry.length
        self._from_s = part.from_s
        self._half_s = 0.5 / fps
        to_s = None if part.to_s is None else part.to_s - self._half_s
        self._frames = video_frames(part.path, max(0.0, part.from_s - self._half_s), to_s)
        self._taken = 0

    def at(self, time_s: float) -> RawImage:
        """The frame of a row.

        Raises:
            JudgeError: the video is damaged, has ended, or has no frame at that time.
        """
        for frame in self._frames:
            late_s = frame.time_s - self._from_s - time_s
            if late_s < -self._half_s:
                continue
            if late_s > self._half_s:
                raise JudgeError(
                    f"The video of {self._what} has no frame at {time_s:.3f} s; the next one is {late_s:.3f} s later. "
                    "Make the video again."
                )
            self._taken += 1
            return frame.image
        raise JudgeError(f"The video of {self._what} ends after {self._taken} of {self._length} frames; copy it again.")
