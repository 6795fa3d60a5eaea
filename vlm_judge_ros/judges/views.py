"""What a model is shown of an episode: the same number of images of each camera, labelled, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, Keyframe
from vlm_judge_ros.models.scorer import Content

Item = TypeVar("Item")


def shown(evidence: Evidence, label_of: Callable[[str, float], str], images_per_camera: int) -> list[Content]:
    """What the model is shown: labels and frames in the order of time, cameras interleaved, their newest frames last.

    Labels count seconds from the start of the episode, so that they never change. What stands before the newest frames
    is thus the same from one question to the next, as long as the older frames are.

    Args:
        evidence: the frames.
        label_of: from camera and seconds to the text before an image; an empty one is left out.
        images_per_camera: images of each camera; see `same_number`.
    """
    cameras = list(evidence.keyframes)
    older: list[Frame] = []
    newest: list[Frame] = []
    for keyframes in evidence.keyframes.values():
        *before, last = same_number(keyframes, images_per_camera)
        older += before
        newest.append(last)

    def place(frame: Frame) -> tuple[int, int]:
        return frame.stamp_ns, cameras.index(frame.camera)

    content: list[Content] = []
    for frame in (*sorted(older, key=place), *sorted(newest, key=place)):
        label = label_of(frame.camera, (frame.stamp_ns - evidence.started_ns) * 1e-9)
        if label:
            content.append(f"\n{label}" if content else label)
        content.append(frame)
    return content


def same_number(keyframes: Sequence[Keyframe], count: int) -> list[Frame]:
    """Exactly `count` frames: an even choice of more, or all with some of them repeated.

    The newest comes last and once, the oldest first.
    """
    return [keyframe.frame for keyframe in evenly(keyframes, count)]


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Exactly `count` items, at least 1: an even choice of more, or all with some of them repeated.

    The last comes last, and first of all comes the first where there is room for both.
    """
    last = len(items) - 1
    if count == 1:
        return [items[last]]
    return [items[index * last // (count - 1)] for index in range(count)]


def instants(evidence: Evidence, count: int) -> list[tuple[Frame, ...]]:
    """Moments of an episode in the order of time, each with one frame of every camera.

    No frame of the first camera comes twice, so there are fewer moments where it has fewer frames. The other cameras
    show what they have nearest in time. The last moment has the newest frame of every camera.

    Args:
        evidence: the frames.
        count: most moments, at least 2; an even choice that keeps the first and the newest.
    """
    first, *others = evidence.keyframes.values()
    moments = same_number(first, min(count, len(first)))
    together = [(frame, *(_nearest(keyframes, frame.stamp_ns) for keyframes in others)) for frame in moments[:-1]]
    return [*together, (moments[-1], *(keyframes[-1].frame for keyframes in others))]


def _nearest(keyframes: Sequence[Keyframe], stamp_ns: int) -> Frame:
    return min((keyframe.frame for keyframe in keyframes), key=lambda frame: abs(frame.stamp_ns - stamp_ns))
