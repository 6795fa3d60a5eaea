"""Files that tell where cameras are and how they take pictures, or for which of them CameraInfo and TF tell that."""

from __future__ import annotations

from pathlib import Path

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.named_file import read
from vlm_judge_ros.steering.drawing.camera_geometry import Lens
from vlm_judge_ros.steering.drawing.cameras import CameraPlace, Cameras
from vlm_judge_ros.steering.transform import Transform

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)
_Number = pydantic.FiniteFloat


class CameraPose(pydantic.BaseModel):
    """Where the optical frame of a camera is: x to the right, y down, z forward.

    Attributes:
        frame_id: the coordinate frame of the pose, for example that of the robot's base.
        position: x, y, z in metres.
        orientation: quaternion x, y, z, w.
    """

    model_config = _STRICT

    frame_id: str = pydantic.Field(min_length=1)
    position: tuple[_Number, _Number, _Number]
    orientation: tuple[_Number, _Number, _Number, _Number]


class CameraEntry(pydantic.BaseModel):
    """One camera; all but the pose is as in its `sensor_msgs/CameraInfo`, and not needed where that is published.

    Attributes:
        width: pixels.
        height: pixels.
        distortion_model: plumb_bob, rational_polynomial or equidistant; empty for a lens without distortion.
        d: coefficients of the distortion.
        k: camera matrix, row by row.
        pose: where it is, if it does not move; None where TF tells.
        info_topic: where its CameraInfo is published, if not as `camera_info` beside its images.
    """

    model_config = _STRICT

    width: int | None = pydantic.Field(default=None, gt=0)
    height: int | None = pydantic.Field(default=None, gt=0)
    distortion_model: str = ""
    d: tuple[_Number, ...] = ()
    k: tuple[_Number, ...] | None = pydantic.Field(default=None, min_length=9, max_length=9)
    pose: CameraPose | None = None
    info_topic: str = ""

    @pydantic.model_validator(mode="after")
    def _tells_all_of_a_lens_or_nothing(self) -> CameraEntry:
        given = [name for name in ("width", "height", "k") if getattr(self, name) is not None]
        if given and len(given) < 3:
            raise ValueError(f"only {' and '.join(given)} of width, height and k is given; give all three or none")
        if not given and (self.d or self.distortion_model):
            raise ValueError("a distortion is given without width, height and k; give these too or leave it out")
        return self

    def place(self) -> CameraPlace:
        """The same to compute with.

        Raises:
            JudgeError: the numbers are not those of a camera.
        """
        lens: Lens | None = None
        if self.width is not None and self.height is not None and self.k is not None:
            lens = Lens.of_camera_info(self.width, self.height, self.distortion_model, self.d, self.k)
        if self.pose is None:
            return CameraPlace(lens, info_topic=self.info_topic)
        pose = Transform.of_quaternion(self.pose.position, self.pose.orientation)
        return CameraPlace(lens, self.pose.frame_id, pose, self.info_topic)


class GeometryFile(pydantic.BaseModel):
    """The file.

    Attributes:
        cameras: by name.
    """

    model_config = _STRICT

    cameras: dict[str, CameraEntry] = pydantic.Field(min_length=1)


def read_cameras(path: str) -> Cameras:
    """Read a file, .yaml or .json.

    Raises:
        JudgeError: it cannot be read, or used.
    """
    file = read(GeometryFile, "camera geometry", Path(path).expanduser())
    places = {}
    for name, entry in file.cameras.items():
        try:
            places[name] = entry.place()
        except JudgeError as error:
            raise JudgeError(f"The camera {name} of the camera geometry {path} cannot be used: {error}") from error
    return Cameras(places)
