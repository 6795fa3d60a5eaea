"""A recorded episode as evenly spaced moments, each with the newest picture of every camera, encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.reference_fit import ReferenceEpisode
from vlm_judge_ros.models.appearance.encoder import AppearanceEncoder
from vlm_judge_ros.replay.events import TrueProgress
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode

SPACING_S = 0.5
MOST_MOMENTS = 240
_BATCH = 16


def encode_episode(
    episode: RecordedEpisode, cameras: Sequence[str], encoder: AppearanceEncoder, recorded_progress: bool = True
) -> ReferenceEpisode:
    """Encode an episode twice a second, long ones less often.

    Args:
        episode: what was recorded.
        cameras: which cameras, in order.
        encoder: what encodes.
        recorded_progress: whether to take over how far it really was, where that was recorded.

    Raises:
        JudgeError: the recording is damaged, or one of the cameras shows nothing.
    """
    spacing_s = max(SPACING_S, episode.description.duration_s / MOST_MOMENTS)
    progress: list[tuple[float, float]] = []
    seconds: list[float] = []
    encoded: list[NDArray[np.float32]] = []
    waiting: list[dict[str, NDArray[np.uint8]]] = []
    for now_s, frames in _moments(episode, cameras, spacing_s, progress):
        try:
            waiting.append({camera: frames[camera].image.rgb() for camera in cameras})
        except BrokenImage:
            continue  # a moment less is no loss, and the source has told of it
        seconds.append(now_s)
        if len(waiting) == _BATCH:
            encoded.append(encoder.encode(waiting))
            waiting = []
    if waiting:
        encoded.append(encoder.encode(waiting))
    if not encoded:
        raise JudgeError(
            f"{episode.description.name} never shows all of {', '.join(cameras)}; leave it out, or name its cameras."
        )
    return ReferenceEpisode(
        np.array(seconds), np.concatenate(encoded), _at(seconds, progress) if recorded_progress else None
    )


def _moments(
    episode: RecordedEpisode, cameras: Sequence[str], spacing_s: float, progress: list[tuple[float, float]]
) -> Iterator[tuple[float, dict[str, Frame]]]:
    """Moments with their seconds from the start; recorded progress is added to the list on the way."""
    newest: dict[str, Frame] = {}
    told_s, now_s = -np.inf, 0.0
    curve = episode.description.true_progress
    progress.extend(zip(curve.times_s, curve.values, strict=True))
    for event in episode.events():
        now_s = (event.time_ns - episode.description.started_ns) * 1e-9
        # What comes at one time belongs to one moment, so it is told when time has gone on.
        if len(newest) == len(cameras) and now_s - told_s >= spacing_s and now_s > _stamp_s(newest, episode):
            told_s = now_s
            yield now_s, dict(newest)
        if isinstance(event.content, TrueProgress) and not curve.times_s:
            progress.append((now_s, event.content.progress))
        elif isinstance(event.content, Frame) and event.content.camera in cameras:
            newest[event.content.camera] = event.content
    if len(newest) == len(cameras) and now_s > told_s:
        yield now_s, dict(newest)


def _stamp_s(frames: dict[str, Frame], episode: RecordedEpisode) -> float:
    return (max(frame.stamp_ns for frame in frames.values()) - episode.description.started_ns) * 1e-9


def _at(seconds: Sequence[float], progress: Sequence[tuple[float, float]]) -> NDArray[np.float64] | None:
    if not progress or max(value for _, value in progress) <= 0.0:
        return None
    when, values = zip(*progress, strict=True)
    return np.asarray(np.interp(seconds, when, values))
