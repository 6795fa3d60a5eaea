"""Moments: what cameras show at one time, or over an episode, to be compared with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.context import Demonstration

MOST_BYTES = 32 * 1024 * 1024
"""Largest picture file that is read."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Moment:
    """What is seen of a moment, of an episode, or of a candidate.

    Attributes:
        frames: in the order of time, at least one.

    Raises:
        JudgeError: there are no frames.
    """

    frames: tuple[Frame, ...]

    def __post_init__(self) -> None:
        if not self.frames:
            raise JudgeError("A moment without images cannot be compared; give it at least one.")

    @property
    def cameras(self) -> set[str]:
        """Names of the cameras that it shows."""
        return {frame.camera for frame in self.frames}

    def of(self, cameras: set[str]) -> Moment:
        """The same as far as these cameras show it."""
        return Moment(tuple(frame for frame in self.frames if frame.camera in cameras))

    def is_same(self, other: Moment) -> bool:
        """Whether both show the very same images."""
        return [id(frame.image) for frame in self.frames] == [id(frame.image) for frame in other.frames]

    def shares(self, other: Moment) -> bool:
        """Whether one of its images is among those of the other."""
        return bool({id(frame.image) for frame in self.frames} & {id(frame.image) for frame in other.frames})


@dataclass(frozen=True, slots=True)
class Reference:
    """A moment whose progress is known.

    Attributes:
        progress: 0 to 1.
        moment: what it looks like.
        name: for people, for example "the goal image".
    """

    progress: float
    moment: Moment
    name: str


def newest(evidence: Evidence) -> Moment:
    """The newest frame of each camera."""
    return Moment(tuple(keyframes[-1].frame for keyframes in evidence.keyframes.values()))


def first(evidence: Evidence) -> Moment:
    """The first frame of each camera."""
    return Moment(tuple(keyframes[0].frame for keyframes in evidence.keyframes.values()))


def of_demonstration(demonstration: Demonstration) -> list[Reference]:
    """The moments of an attempt whose progress is known, in the order of time; none where it is not known."""
    frames = [piece for piece in demonstration.frames if isinstance(piece, Frame)]
    at: dict[int, list[tuple[Frame, float]]] = {}
    for frame, reward in zip(frames, demonstration.rewards, strict=False):
        at.setdefault(frame.stamp_ns, []).append((frame, reward))
    references = []
    for stamp_ns, seen in sorted(at.items()):
        progress = sum(reward for _, reward in seen) / len(seen)
        name = f"an example at {stamp_ns * 1e-9:.1f} s"
        references.append(Reference(progress, Moment(tuple(frame for frame, _ in seen)), name))
    return references


def read_moment(path: str, cameras: Sequence[str], parameter: str) -> Moment:
    """Read a picture.

    Args:
        path: a picture, which is taken for one of the first camera; or a folder with one for each camera, which has the
            camera's name.
        cameras: names of the cameras.
        parameter: the parameter that names it, for people.

    Raises:
        JudgeError: it cannot be read, or no picture in the folder belongs to a camera.
    """
    place = Path(path).expanduser()
    if not place.is_dir():
        return Moment((_read(place, cameras[0], parameter),))
    files = {file.stem: file for file in sorted(place.iterdir()) if file.suffix.lower() in _SUFFIXES}
    found = [_read(files[camera], camera, parameter) for camera in cameras if camera in files]
    if not found:
        raise JudgeError(
            f"The folder {path} of the parameter {parameter} has no picture of a camera; put one there that is called "
            f"{' or '.join(f'{camera}.jpg' for camera in cameras)}."
        )
    return Moment(tuple(found))


def _read(path: Path, camera: str, parameter: str) -> Frame:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise JudgeError(
            f"The picture {path} of the parameter {parameter} cannot be read ({error.strerror}); give the path of a "
            "JPEG, PNG or WebP file."
        ) from error
    if len(content) > MOST_BYTES:
        raise JudgeError(
            f"The picture {path} of the parameter {parameter} has more than {MOST_BYTES >> 20} MiB; give a smaller one."
        )
    try:
        image = CompressedImage(content)
        return Frame(camera, 0, image, image.thumbnail)
    except BrokenImage as error:
        raise JudgeError(f"The picture {path} of the parameter {parameter} cannot be used: {error}") from error
