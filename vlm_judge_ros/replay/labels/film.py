"""The pictures of an episode, to be looked at in any order, in memory that does not grow with its length."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.events import BrokenFrame
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode

MOST_PICTURES = 6000
"""Of each camera; of a longer episode they lie further apart."""

SHORTEST_PERIOD_S = 1 / 30
LONGEST_SIDE = 640
_JPEG_QUALITY = 85
_ON_DISK = Path("/var/tmp")
_NO_PLACE = "The pictures cannot be kept ({}); make room, or name another folder in the variable TMPDIR."


@dataclass(frozen=True, slots=True)
class Reel:
    """What has been read of an episode.

    Attributes:
        times_s: of the pictures of each camera, in seconds from the start of the episode, rising.
        broken: how many images could not be used.
        read_s: seconds of the episode that have been read.
        finished: whether no more will come.
        fault: why the rest is missing, one sentence; empty where nothing is.
    """

    times_s: Mapping[str, Sequence[float]]
    broken: int
    read_s: float
    finished: bool
    fault: str


class Film:
    """Reads an episode once, in a thread, and keeps its pictures as JPEG in a nameless file.

    Args:
        episode: what was recorded.

    Raises:
        JudgeError: there is no place for the pictures.
    """

    def __init__(self, episode: RecordedEpisode) -> None:
        self._episode = episode
        description = episode.description
        # A little less than the period of a camera, whose stamps are not wholly even.
        self._period_s = max(0.9 * SHORTEST_PERIOD_S, description.duration_s / MOST_PICTURES)
        self._file = _nameless_file()
        self._lock = threading.Lock()
        self._times_s: dict[str, list[float]] = {camera: [] for camera in description.cameras}
        self._places: dict[str, list[tuple[int, int]]] = {camera: [] for camera in description.cameras}
        self._end = 0
        self._broken = 0
        self._read_s = 0.0
        self._finished = False
        self._fault = ""
        self._closed = False
        self._thread = threading.Thread(target=self._read, name="film", daemon=True)
        self._thread.start()

    @property
    def reel(self) -> Reel:
        """What can be shown by now."""
        with self._lock:
            times_s = {camera: tuple(times) for camera, times in self._times_s.items()}
            return Reel(times_s, self._broken, self._read_s, self._finished, self._fault)

    def jpeg(self, camera: str, index: int) -> bytes | None:
        """A picture; None where there is none of this camera and number."""
        with self._lock:
            places = self._places.get(camera, [])
            if self._closed or not 0 <= index < len(places):
                return None
            begin, size = places[index]
            self._file.seek(begin)
            return self._file.read(size)

    def close(self) -> None:
        """Stop reading and give the file back."""
        with self._lock:
            self._closed = True
        self._thread.join()
        self._file.close()

    def _read(self) -> None:
        fault = "Reading ended with a mistake of this program; the terminal says which."
        try:
            self._read_all()
            fault = ""
        except JudgeError as error:
            fault = str(error)
        except OSError as error:
            fault = _NO_PLACE.format(error.strerror)
        finally:
            with self._lock:
                self._fault, self._finished = fault, True

    def _read_all(self) -> None:
        started_ns = self._episode.description.started_ns
        for event in self._episode.events():
            if self._closed:
                return
            content, time_s = event.content, (event.time_ns - started_ns) * 1e-9
            if isinstance(content, Frame):
                self._take(content, time_s)
            elif isinstance(content, BrokenFrame):
                self._broken += 1
            self._read_s = time_s

    def _take(self, frame: Frame, time_s: float) -> None:
        times_s = self._times_s.get(frame.camera)
        if times_s is None or (times_s and time_s < times_s[-1] + self._period_s):
            return
        try:
            jpeg = _jpeg(frame)
        except BrokenImage:
            self._broken += 1
            return
        with self._lock:
            if self._closed:
                return
            self._file.seek(self._end)
            self._file.write(jpeg)
            self._places[frame.camera].append((self._end, len(jpeg)))
            times_s.append(time_s)
            self._end += len(jpeg)


class Films:
    """The films of the episodes that were looked at last; older ones are given back.

    Args:
        most: how many are kept.
    """

    def __init__(self, open_film: Callable[[int], Film], most: int = 4) -> None:
        self._open = open_film
        self._most = most
        self._films: dict[int, Film] = {}
        self._closed = False
        self._lock = threading.Lock()

    def get(self, index: int) -> Film:
        """The film of an episode; reading begins now where it has not begun.

        Raises:
            JudgeError: all have been given back for good.
        """
        with self._lock:
            if self._closed:
                raise JudgeError("This page is closed; start `vlm-judge label` again.")
            film = self._films.pop(index, None)
            self._films[index] = film = film or self._open(index)
            oldest = [self._films.pop(key) for key in list(self._films)[: -self._most]]
        for each in oldest:
            each.close()
        return film

    def jpeg(self, index: int, camera: str, number: int) -> bytes | None:
        """A picture of an episode that is being read, or was; None where there is none, or not yet."""
        with self._lock:
            film = self._films.get(index)
        return film.jpeg(camera, number) if film is not None else None

    def close(self) -> None:
        """Give all back."""
        with self._lock:
            self._closed = True
            films, self._films = list(self._films.values()), {}
        for film in films:
            film.close()


def _nameless_file() -> BinaryIO:
    # The usual folder of temporary files is memory on many systems.
    folder = _ON_DISK if "TMPDIR" not in os.environ and _ON_DISK.is_dir() else None
    try:
        return tempfile.TemporaryFile(prefix="vlm-judge-label-", dir=folder)
    except OSError as error:
        raise JudgeError(_NO_PLACE.format(error.strerror)) from error


def _jpeg(frame: Frame) -> bytes:
    if frame.damage is not None:
        raise frame.damage
    image = frame.image
    if isinstance(image, CompressedImage) and image.kind == "jpeg" and image.longest_side <= LONGEST_SIDE:
        return image.file()
    picture = image.rgb()
    height, width = picture.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale < 1.0:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    swapped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    encoded, jpeg = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert encoded, "an array of pixels can always be encoded"
    return jpeg.tobytes()
