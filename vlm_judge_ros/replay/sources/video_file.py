"""Frames of one video file, decoded one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.image import SizeLimits
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_DECODER_THREADS = 2


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One decoded frame.

    Attributes:
        time_s: its time by the container, in seconds from the start of the file.
        image: its pixels.
    """

    time_s: float
    image: RawImage


@dataclass(frozen=True, slots=True)
class VideoLength:
    """What the header of a video says.

    Attributes:
        start_s: time of the first frame, in seconds from the start of the file.
        duration_s: seconds from the first frame to the end; None where the header does not say.
    """

    start_s: float
    duration_s: float | None


def video_length(path: Path) -> VideoLength:
    """Read the header of a video.

    Raises:
        JudgeError: there is no video, or it is damaged.
    """
    with _opened(path) as (container, stream):
        base = stream.time_base or Fraction(1)
        start_s = float((stream.start_time or 0) * base)
        if stream.duration is not None:
            return VideoLength(start_s, float(stream.duration * base))
        return VideoLength(start_s, container.duration * 1e-6 if container.duration is not None else None)


def video_frames(path: Path, from_s: float = 0.0, to_s: float | None = None) -> Iterator[VideoFrame]:
    """Decode a video; sound is not read.

    Args:
        path: the file.
        from_s: time of the first frame that is wanted.
        to_s: frames from this time on are not wanted; None for all.

    Raises:
        JudgeError: there is no video, it is damaged, or a frame has no time or is too large; what came before has
            been told.
    """
    with _opened(path) as (container, stream):
        if from_s > 0.0 and stream.time_base is not None:
            container.seek(int(from_s / stream.time_base), stream=stream, backward=True)
        from av.video.reformatter import VideoReformatter

        limits = SizeLimits()
        to_rgb = VideoReformatter()  # one for all frames: making one costs as much as using it
        for frame in container.decode(stream):
            if frame.time is None:
                raise JudgeError(f"A frame of the video {path} has no time; convert it with ffmpeg to MP4.")
            if to_s is not None and frame.time >= to_s:
                return
            if frame.time < from_s:
                continue
            try:
                limits.check(frame.width, frame.height)
            except BrokenImage as error:
                raise JudgeError(f"The video {path} cannot be used: {error}") from error
            pixels = np.asarray(to_rgb.reformat(frame, format="rgb24").to_ndarray(), dtype=np.uint8)
            yield VideoFrame(
                frame.time, RawImage(pixels.reshape(-1), frame.width, frame.height, "rgb8", frame.width * 3)
            )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        import av
    except ModuleNotFoundError as error:
        raise JudgeError(
            "Videos need the Python module 'av', which is not installed; install it with pip install "
            "'vlm_judge_ros[datasets]'."
        ) from error
    if not path.is_file():
        raise JudgeError(f"There is no video at {path}; check the path, or copy the missing file there.")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise JudgeError(f"{path} holds no video; name a file with pictures.")
            stream = container.streams.video[0]
            context = stream.codec_context
            SizeLimits().check(context.width, context.height)
            context.thread_count = _DECODER_THREADS
            stream.thread_type = "AUTO"
            yield container, stream
    except BrokenImage as error:
        raise JudgeError(f"The video {path} cannot be used: {error}") from error
    except (av.FFmpegError, ValueError) as error:
        raise JudgeError(
            f"The video {path} is cut off or damaged ({_in_words(error)}); record or copy it again."
        ) from error


def _in_words(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".") or type(error).__name__
