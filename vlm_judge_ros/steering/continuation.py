"""What really happened, continued by what is predicted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.judges.views import evenly
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame


def alike(candidates: Mapping[int, Candidate], most: int) -> dict[int, Candidate]:
    """Candidates of which each shows as many frames of a camera as the one that has fewest, if any.

    Models grow more certain with the number of images, whatever these show. And a judge that is shown a choice of all
    frames then takes the same ones of what really happened, so that a model reads these once for all candidates.

    Args:
        candidates: with all predicted frames, by index.
        most: most frames of a camera; an even choice with the last. 0 for any number.
    """
    counts: dict[str, int] = {}
    for candidate in candidates.values():
        for camera, number in Counter(frame.camera for frame in candidate.frames).items():
            counts[camera] = min(counts.get(camera, most or number), number)
    return {index: replace(candidate, frames=_chosen(candidate, counts)) for index, candidate in candidates.items()}


def _chosen(candidate: Candidate, counts: Mapping[str, int]) -> tuple[PredictedFrame, ...]:
    of_camera: dict[str, list[PredictedFrame]] = {}
    for frame in sorted(candidate.frames, key=lambda frame: frame.at_s):
        of_camera.setdefault(frame.camera, []).append(frame)
    chosen = [one for camera, frames in of_camera.items() for one in evenly(frames, counts[camera])]
    return tuple(sorted(chosen, key=lambda frame: frame.at_s))


def continued(evidence: Evidence, candidate: Candidate, from_ns: int) -> Evidence:
    """The evidence with the predicted frames after it; what really happened stays as it is, to be shared by all.

    Args:
        evidence: what really happened.
        candidate: with predicted frames.
        from_ns: stamp of the moment from which it continues, not before that of the newest frame.
    """
    keyframes = dict(evidence.keyframes)
    now_ns = evidence.now_ns
    for predicted in sorted(candidate.frames, key=lambda frame: frame.at_s):
        stamp_ns = from_ns + nanoseconds(predicted.at_s)
        frame = Frame(predicted.camera, stamp_ns, predicted.image, predicted.image.thumbnail)
        keyframes[predicted.camera] = (*keyframes.get(predicted.camera, ()), Keyframe(frame, FrameRole.NEWEST))
        now_ns = max(now_ns, stamp_ns)
    return replace(evidence, keyframes=keyframes, now_ns=now_ns)
