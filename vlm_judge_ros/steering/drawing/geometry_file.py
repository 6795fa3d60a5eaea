"""Files that tell where cameras are and how they take pictures, for robots whose TF does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.named_file import read
from vlm_judge_ros.steering.drawing.camera_geometry import CameraGeometry, Lens
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
    """One camera; all but the pose is as in its `sensor_msgs/CameraInfo`.

    Attributes:
        width: pixels.
        height: pixels.
        distortion_model: plumb_bob, rational_polynomial or equidistant; empty for a lens without distortion.
        d: coefficients of the distortion.
        k: camera matrix, row by row.
        pose: where it is. It must not move; a camera on the wrist needs TF.
    """

    model_config = _STRICT

    width: int = pydantic.Field(gt=0)
    height: int = pydantic.Field(gt=0)
    distortion_model: str = ""
    d: tuple[_Number, ...] = ()
    k: tuple[_Number, ...] = pydantic.Field(min_length=9, max_length=9)
    pose: CameraPose

    def geometry(self) -> CameraGeometry:
        """The same to compute with.

        Raises:
            JudgeError: the numbers are not those of a camera.
        """
        lens = Lens.of_camera_info(self.width, self.height, self.distortion_model, self.d, self.k)
        return CameraGeometry(
            lens, self.pose.frame_id, Transform.of_quaternion(self.pose.position, self.pose.orientation)
        )


class GeometryFile(pydantic.BaseModel):
    """The file.

    Attributes:
        cameras: by name.
    """

    model_config = _STRICT

    cameras: dict[str, CameraEntry] = pydantic.Field(min_length=1)


def read_geometry(path: str) -> Mapping[str, CameraGeometry]:
    """Read a file, .yaml or .json.

    Raises:
        JudgeError: it cannot be read, or used.
    """
    file = read(GeometryFile, "camera geometry", Path(path).expanduser())
    cameras = {}
    for name, entry in file.cameras.items():
        try:
            cameras[name] = entry.geometry()
        except JudgeError as error:
            raise JudgeError(f"The camera {name} of the camera geometry {path} cannot be used: {error}") from error
    return cameras
