"""Candidates shown by their paths, drawn into the newest frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.drawing import Drawing, DrawnAs
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import READS_DRAWINGS
from vlm_judge_ros.steering.arm import Arm
from vlm_judge_ros.steering.candidate import Candidate, EndEffectorPath
from vlm_judge_ros.steering.drawing.cameras import Cameras
from vlm_judge_ros.steering.drawing.candidates import MOST_TOGETHER, draw_alone, draw_together
from vlm_judge_ros.steering.drawing.path import ProjectedPath, project_path

ORDERS = 2
"""How often a judge is asked that sees all paths on one picture, each time with other numbers."""

_Pictures = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Canvas:
    """How paths can be drawn.

    Attributes:
        drawn_as: what the judge can read, see `judges.factory.READS_DRAWINGS`.
        cameras: how and where they are; of others nothing is known.
        arm: from joint trajectories to paths; None where that is not known.
    """

    drawn_as: DrawnAs
    cameras: Cameras = field(default_factory=Cameras)
    arm: Arm | None = None

    @classmethod
    def for_judge(cls, method: str, cameras: Cameras, arm: Arm | None = None) -> Canvas | None:
        """As a judge of this method can read drawings; None where it cannot."""
        drawn_as = READS_DRAWINGS.get(method)
        return cls(drawn_as, cameras, arm) if drawn_as is not None else None


@dataclass(frozen=True, slots=True)
class DrawablePath:
    """A path, and where cameras would see it.

    Attributes:
        duration_s: seconds from the start of the chunk to its end.
        seen_by: by camera; only those whose picture shows something of it.
    """

    duration_s: float
    seen_by: Mapping[str, ProjectedPath]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCandidates:
    """What is to be asked about drawn candidates.

    Attributes:
        voices: for each voice, by the index of the candidate, the evidence.
        reasons: why a candidate is not drawn, by its index, one sentence each.
    """

    voices: tuple[Mapping[int, Evidence], ...]
    reasons: Mapping[int, str]

    @property
    def candidates(self) -> int:
        """How many are drawn."""
        return len(self.voices[0]) if self.voices else 0


def draw_candidates(candidates: Mapping[int, Candidate], evidence: Evidence, canvas: Canvas | None) -> DrawnCandidates:
    """Draw the paths of candidates into the newest frame of every camera that would see them.

    Args:
        candidates: by index, in the order in which the policy prefers them.
        evidence: what really happened; only its newest frames are drawn upon, and these are shown as they are before.
        canvas: how; None where nothing can be drawn.
    """
    pictures: dict[str, NDArray[np.uint8]] = {}
    paths: dict[int, DrawablePath] = {}
    reasons: dict[int, str] = {}
    for index, candidate in candidates.items():
        try:
            paths[index] = _drawable(candidate, evidence, canvas, pictures)
        except JudgeError as error:
            reasons[index] = str(error)
    if canvas is None or not paths:
        return DrawnCandidates((), reasons)
    if canvas.drawn_as is DrawnAs.ALONE:
        return DrawnCandidates(({index: _alone(path, evidence, pictures) for index, path in paths.items()},), reasons)
    for index in list(paths)[MOST_TOGETHER:]:
        del paths[index]
        reasons[index] = f"No more than {MOST_TOGETHER} paths can be told apart on one picture; send fewer candidates."
    orders = [list(paths), half_turned(list(paths))][: ORDERS if len(paths) > 1 else 1]
    return DrawnCandidates(tuple(_together(order, paths, evidence, pictures) for order in orders), reasons)


def half_turned(order: Sequence[int]) -> list[int]:
    """Another order in which everything has another place, those in front and those behind changed over."""
    half = len(order) // 2
    return [*order[half:], *order[:half]]


def _drawable(
    candidate: Candidate, evidence: Evidence, canvas: Canvas | None, pictures: dict[str, NDArray[np.uint8]]
) -> DrawablePath:
    """Project a path on every picture.

    Raises:
        JudgeError: nothing can be drawn; the sentence says what is missing.
    """
    if candidate.path is None and candidate.joints is None:
        raise JudgeError("Nothing shows what it would do: it has no predicted frames, no path and no joint trajectory.")
    if canvas is None:
        raise JudgeError(
            "It has no predicted frames, and this judge cannot read drawn paths; send frames, or use the judge "
            "token_reward or path_choice."
        )
    path = _path(candidate, canvas)
    known = [name for name in evidence.keyframes if name in canvas.cameras]
    if not known:
        raise JudgeError(
            f"Its path cannot be drawn, because it is not known where the camera {' or '.join(evidence.keyframes)} is; "
            "give the geometry of one."
        )
    seen_by: dict[str, ProjectedPath] = {}
    refusals: list[str] = []
    for name in known:
        frame = evidence.keyframes[name][-1].frame
        try:
            if name not in pictures:
                pictures[name] = frame.image.rgb()
            height, width = pictures[name].shape[:2]
            camera = canvas.cameras.at(name, path.frame_id, frame.stamp_ns)
            projected = project_path(path, camera, width, height)
        except JudgeError as error:
            refusals.append(f"{name}: {error}")
            continue
        if projected.is_seen:
            seen_by[name] = projected
    if not seen_by:
        told = " ".join(refusals) or f"it lies outside the picture of {' and '.join(known)}."
        raise JudgeError(f"Its path cannot be drawn; {told}")
    return DrawablePath(float(path.times_s[-1]), seen_by)


def _path(candidate: Candidate, canvas: Canvas) -> EndEffectorPath:
    if candidate.path is not None:
        return candidate.path
    assert candidate.joints is not None
    if canvas.arm is None:
        raise JudgeError(
            "It has a joint trajectory, and no URDF tells where the end effector goes; give one, or send the path."
        )
    return canvas.arm.path(candidate.joints)


def _alone(path: DrawablePath, evidence: Evidence, pictures: _Pictures) -> Evidence:
    drawn = {name: draw_alone(pictures[name], seen) for name, seen in path.seen_by.items()}
    return _with_newest(evidence, _frames(drawn, evidence), Drawing(DrawnAs.ALONE, 1, 1, path.duration_s))


def _together(
    order: Sequence[int], paths: Mapping[int, DrawablePath], evidence: Evidence, pictures: _Pictures
) -> dict[int, Evidence]:
    """Evidence for each path, all with the very same frames, so that they are sent and looked at once."""
    numbers = {index: number for number, index in enumerate(order, start=1)}
    drawn = {}
    for name in dict.fromkeys(name for path in paths.values() for name in path.seen_by):
        seen = {numbers[index]: paths[index].seen_by[name] for index in order if name in paths[index].seen_by}
        drawn[name] = draw_together(pictures[name], seen)
    frames, duration_s = _frames(drawn, evidence), max(path.duration_s for path in paths.values())
    return {
        index: _with_newest(evidence, frames, Drawing(DrawnAs.TOGETHER, len(order), numbers[index], duration_s))
        for index in paths
    }


def _frames(drawn: _Pictures, evidence: Evidence) -> dict[str, Frame]:
    frames = {}
    for name, pixels in drawn.items():
        height, width = pixels.shape[:2]
        image = RawImage(pixels.reshape(-1), width, height, "rgb8", 3 * width)
        frames[name] = Frame(name, evidence.keyframes[name][-1].frame.stamp_ns, image, image.thumbnail)
    return frames


def _with_newest(evidence: Evidence, frames: Mapping[str, Frame], drawing: Drawing) -> Evidence:
    keyframes = {
        name: (*shown, Keyframe(frames[name], FrameRole.NEWEST)) if name in frames else shown
        for name, shown in evidence.keyframes.items()
    }
    return replace(evidence, keyframes=keyframes, drawing=drawing)
