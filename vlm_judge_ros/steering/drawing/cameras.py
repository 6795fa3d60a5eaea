"""Cameras whose pictures can be drawn upon: how they take them, and where they are at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.drawing.camera_geometry import CameraGeometry, Lens
from vlm_judge_ros.steering.drawing.transform_tree import TransformTree
from vlm_judge_ros.steering.transform import Transform


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """What was given of a camera.

    Attributes:
        lens: how it takes pictures; None where its CameraInfo tells.
        frame_id: the coordinate frame of the pose.
        pose: of its optical frame in that one; None where TF tells.
        info_topic: where its CameraInfo is published; empty for beside its images.
    """

    lens: Lens | None = None
    frame_id: str = ""
    pose: Transform | None = None
    info_topic: str = ""


class Cameras:
    """What is known of cameras, by a file, their CameraInfo and TF. One thread may add while others look.

    Args:
        places: what was given, by the name of the camera.

    Attributes:
        tree: where coordinate frames are; asked only of cameras whose pose was not given.
    """

    def __init__(self, places: Mapping[str, CameraPlace] | None = None) -> None:
        self._places = dict(places or {})
        self._seen: dict[str, tuple[Lens, str]] = {}
        self._refused: dict[str, str] = {}
        self.tree = TransformTree()

    @classmethod
    def still(cls, cameras: Mapping[str, CameraGeometry]) -> Cameras:
        """Cameras of which all is given."""
        return cls({name: CameraPlace(one.lens, one.frame_id, one.pose) for name, one in cameras.items()})

    def __contains__(self, camera: object) -> bool:
        """Whether anything was given of a camera."""
        return camera in self._places

    @property
    def names(self) -> tuple[str, ...]:
        """Of all of them."""
        return tuple(self._places)

    @property
    def of_info(self) -> tuple[str, ...]:
        """Names of those whose CameraInfo is needed."""
        return tuple(name for name, place in self._places.items() if place.lens is None or place.pose is None)

    @property
    def of_tf(self) -> tuple[str, ...]:
        """Names of those whose pose TF has to tell."""
        return tuple(name for name, place in self._places.items() if place.pose is None)

    def info_topic(self, camera: str) -> str:
        """Where the CameraInfo of a camera is published; empty for beside its images."""
        return self._places[camera].info_topic

    def add_lens(self, camera: str, lens: Lens, frame_id: str) -> None:
        """Take what a CameraInfo tells.

        Args:
            camera: its name.
            lens: how it takes pictures.
            frame_id: its optical frame.
        """
        self._seen[camera] = lens, frame_id
        self._refused.pop(camera, None)

    def refuse_lens(self, camera: str, reason: str) -> None:
        """Note why a CameraInfo cannot be used, one sentence."""
        self._seen.pop(camera, None)
        self._refused[camera] = reason

    def at(self, camera: str, frame_id: str, stamp_ns: int) -> CameraGeometry:
        """How and from where a camera took a picture.

        Args:
            camera: one of them.
            frame_id: the coordinate frame in which its pose is wanted; what was given stays in its own.
            stamp_ns: of the picture.

        Raises:
            JudgeError: it is not known; the sentence says what is missing.
        """
        place, seen = self._places[camera], self._seen.get(camera)
        if place.lens is not None and place.pose is not None:
            return CameraGeometry(place.lens, place.frame_id, place.pose)
        if seen is None:
            raise JudgeError(
                self._refused.get(camera)
                or "No CameraInfo of it has come; publish that beside its images, or give its numbers in the file."
            )
        lens = seen[0] if place.lens is None else place.lens
        if place.pose is not None:
            return CameraGeometry(lens, place.frame_id, place.pose)
        return CameraGeometry(lens, frame_id, self.tree.pose(seen[1], frame_id, stamp_ns))
