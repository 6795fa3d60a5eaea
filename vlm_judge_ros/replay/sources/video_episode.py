"""An episode that is nothing but videos, one for each camera."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.sources.camera_names import FRONT, WRIST, is_camera_name
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, usable_key
from vlm_judge_ros.replay.sources.video_file import video_frames, video_length
from vlm_judge_ros.tasks.task import Task

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v"})

_HOUR_NS = 3_600 * 10**9
_MOST_HOURS = 500_000


@dataclass(frozen=True, slots=True)
class VideoEpisode:
    """Videos that were recorded together; see `RecordedEpisode`.

    The first frame of each video is taken for the same moment. One that is shorter than the others is silent from its
    end on, as a camera is that fails.

    Attributes:
        description: what is known of it.
        videos: name of a camera to its file.
    """

    description: EpisodeDescription
    videos: Mapping[str, Path]

    @staticmethod
    def find(videos: Mapping[str, Path], task: str, name: str = "", number: int = 0) -> VideoEpisode:
        """Look into the headers of videos.

        Args:
            videos: name of a camera to its file.
            task: the instruction.
            name: of the episode; empty takes that of the first file.
            number: of the episode; videos hold no dates, and number n starts n + 1 hours after 1 January 1970.

        Raises:
            JudgeError: there is no task, or a video is missing or damaged.
        """
        if not videos:
            raise JudgeError("No video is named; give at least --video front=PATH.")
        first = next(iter(videos.values()))
        if not task:
            raise JudgeError(f"The video {first} says no task; give the instruction with --task.")
        duration_s = max(_duration_s(path) for path in videos.values())
        name = name or first.stem
        started_ns = (number % _MOST_HOURS + 1) * _HOUR_NS
        description = EpisodeDescription(
            key=usable_key(name),
            name=name,
            task=task,
            origin=", ".join(str(path) for path in videos.values()),
            cameras=tuple(videos),
            started_ns=started_ns,
            ended_ns=started_ns + round(duration_s * 1e9),
        )
        return VideoEpisode(description, dict(videos))

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        """Decode the videos side by side; see `RecordedEpisode.events`."""
        streams = [self._frames(order, camera, path) for order, (camera, path) in enumerate(self.videos.items())]
        for _, _, event in heapq.merge(*streams, key=lambda told: told[:2]):
            yield event

    def _frames(self, order: int, camera: str, path: Path) -> Iterator[tuple[int, int, Event]]:
        start_s = math.nan
        before_ns = -1
        for frame in video_frames(path):
            start_s = frame.time_s if math.isnan(start_s) else start_s
            stamp_ns = self.description.started_ns + round((frame.time_s - start_s) * 1e9)
            if stamp_ns <= before_ns:
                raise JudgeError(f"The times of the frames of {path} do not rise; convert it with ffmpeg to MP4.")
            before_ns = stamp_ns
            yield stamp_ns, order, Event(stamp_ns, Frame(camera, stamp_ns, frame.image, frame.image.thumbnail))
        if before_ns < 0:
            raise JudgeError(f"The video {path} holds no frame; record or copy it again.")


def videos_together(folder: Path, cameras: Mapping[str, str]) -> list[tuple[str, dict[str, Path]]]:
    """Which videos below a folder belong together: those whose paths differ only in what names a camera.

    Args:
        folder: where they lie, or below.
        cameras: name of a camera to what its files are called, for example {"front": "cam_high"}; empty takes the
            words `front` and `wrist`, and a file with neither for one of the camera in front.

    Returns:
        Name of each episode, and name of a camera to its file; in order of name.

    Raises:
        JudgeError: two files would be the same camera of the same episode, or it takes a person to say which belong
            together.
    """
    for name in cameras:
        if not is_camera_name(name):
            raise JudgeError(f"The camera name {name!r} cannot be used; take lower-case letters, digits and _.")
    words = dict(cameras) or {FRONT: FRONT, WRIST: WRIST}
    together: dict[str, dict[str, Path]] = {}
    for path in sorted(found for found in folder.rglob("*") if found.suffix.lower() in VIDEO_SUFFIXES):
        stem = path.stem
        named = [camera for camera, word in words.items() if _word(word).search(stem)]
        if cameras and not named:
            continue
        if len(named) > 1:
            raise JudgeError(f"The name of {path} speaks of {' and of '.join(named)}; name it with --video.")
        camera = named[0] if named else FRONT
        rest = _word(words[camera]).sub("", stem, count=1).strip("-_. ") if named else stem
        parts = [*path.relative_to(folder).parent.parts, rest]
        name = "_".join(part for part in parts if part) or folder.resolve().name
        episode = together.setdefault(name, {})
        if camera in episode:
            raise JudgeError(f"{path} and {episode[camera]} would both be {camera} of {name}; name them with --video.")
        episode[camera] = path
    if not together:
        raise JudgeError(
            f"{folder} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}) of the cameras; check the path."
        )
    kinds = {tuple(sorted(episode)) for episode in together.values()}
    if (FRONT,) in kinds and (WRIST,) in kinds:
        files = [path.name for episode in together.values() for path in episode.values()]
        raise JudgeError(
            f"The videos of {folder} ({', '.join(files[:6])}) cannot be paired by their names; say what the files of "
            "each camera are called, for example --camera front=cam_high --camera wrist=cam_left_wrist."
        )
    return sorted(
        (name, {word: episode[word] for word in words if word in episode}) for name, episode in together.items()
    )


def _word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])", re.IGNORECASE)


def _duration_s(path: Path) -> float:
    length = video_length(path)
    if length.duration_s is not None and length.duration_s > 0.0:
        return length.duration_s
    return max((frame.time_s for frame in video_frames(path)), default=0.0) - length.start_s
