"""Where a point in space appears in a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.candidate import Floats
from vlm_judge_ros.steering.transform import Transform

NEAREST_M = 1e-3
"""What a pinhole camera sees lies at least this far before its plane; nearer points would appear infinitely far out."""
_ASPECT_TOLERANCE = 0.02
# Looked at one by one instead of by the roots of a polynomial, which are lost where its coefficients are tiny.
_REACH_STEPS = 4000


class LensModel(str, Enum):
    """How a lens bends rays; values as in `distortion_model` of `sensor_msgs/CameraInfo`."""

    PLUMB_BOB = "plumb_bob"
    RATIONAL_POLYNOMIAL = "rational_polynomial"
    EQUIDISTANT = "equidistant"


_COEFFICIENTS = {LensModel.PLUMB_BOB: 5, LensModel.RATIONAL_POLYNOMIAL: 8, LensModel.EQUIDISTANT: 4}


@dataclass(frozen=True, slots=True)
class Lens:
    """From directions to pixels; the centre of the first pixel is (0, 0), as in OpenCV.

    Coordinates are those of the optical frame: x to the right, y down, z forward.

    Attributes:
        width: of the pictures that it was calibrated with, pixels.
        height: the same.
        focal: focal lengths along x and y, pixels.
        centre: where the optical axis hits, pixels.
        model: how rays are bent.
        coefficients: as many as the model has, in the order of OpenCV; zeros for none.
        reach: how far from the optical axis the model holds: beyond it the formula would bring points back into the
            picture. The tangent of the angle, or the angle itself in radians where the model is EQUIDISTANT.
    """

    width: int
    height: int
    focal: tuple[float, float]
    centre: tuple[float, float]
    model: LensModel
    coefficients: tuple[float, ...]
    reach: float

    @classmethod
    def of_camera_info(
        cls, width: int, height: int, model: str, coefficients: Sequence[float], matrix: Sequence[float]
    ) -> Lens:
        """From the fields of a `sensor_msgs/CameraInfo`.

        Args:
            width: pixels.
            height: pixels.
            model: `distortion_model`; empty where there are no coefficients.
            coefficients: `d`; missing ones are 0.
            matrix: `k`, row by row.

        Raises:
            JudgeError: these are not of a calibrated camera, or its lens is not known.
        """
        values = [float(value) for value in (*matrix, *coefficients)]
        if len(matrix) != 9 or not all(map(math.isfinite, values)):
            raise JudgeError("The camera matrix has no 9 finite numbers; give k of its CameraInfo, row by row.")
        fx, skew, cx, below, fy, cy = values[:6]
        if not (fx > 0.0 and fy > 0.0 and width > 0 and height > 0):
            raise JudgeError(
                f"A camera of {width} x {height} pixels with the focal lengths {fx:g} and {fy:g} is not calibrated; "
                "calibrate it, or give the numbers in a file."
            )
        if skew or below or tuple(values[6:9]) != (0.0, 0.0, 1.0):
            raise JudgeError("The camera matrix is not that of a CameraInfo: fx 0 cx, 0 fy cy, 0 0 1; give such a one.")
        known = [kind.value for kind in LensModel]
        if (model or LensModel.PLUMB_BOB.value) not in known:
            either = f"{', '.join(known[:-1])} or {known[-1]}"
            raise JudgeError(f"The distortion model {model!r} is not known; rectify the picture, or use {either}.")
        kind = LensModel(model or LensModel.PLUMB_BOB.value)
        bent = values[9:]
        if len(bent) > _COEFFICIENTS[kind]:
            raise JudgeError(
                f"The distortion model {kind.value} has {_COEFFICIENTS[kind]} coefficients, and {len(bent)} are given; "
                "name the model that they belong to."
            )
        bent += [0.0] * (_COEFFICIENTS[kind] - len(bent))
        reach = _equidistant_reach(bent) if kind is LensModel.EQUIDISTANT else _radial_reach(bent)
        return cls(width, height, (fx, fy), (cx, cy), kind, tuple(bent), reach)

    def scaled_to(self, width: int, height: int) -> Lens:
        """The same lens before pictures that were enlarged or shrunk to another size.

        Raises:
            JudgeError: the proportions differ, so that they were cropped and not only scaled.
        """
        across, down = width / self.width, height / self.height
        if abs(across / down - 1.0) > _ASPECT_TOLERANCE:
            raise JudgeError(
                f"The picture has {width} x {height} pixels, and the camera was calibrated with {self.width} x "
                f"{self.height}, which is no scaling of it; give the numbers of this picture."
            )
        return replace(
            self,
            width=width,
            height=height,
            focal=(self.focal[0] * across, self.focal[1] * down),
            centre=((self.centre[0] + 0.5) * across - 0.5, (self.centre[1] + 0.5) * down - 0.5),
        )

    def reaches(self, points: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of the points, shape (N, 3), it can see at all, in the picture or beside it."""
        x, y, z = points.T
        across = np.hypot(x, y)
        known = np.isfinite(across) & np.isfinite(z)
        if self.model is LensModel.EQUIDISTANT:
            within = (np.arctan2(across, z) < self.reach) & (across + np.abs(z) > 0.0)
        else:
            within = (z >= NEAREST_M) & (across < self.reach * np.maximum(z, NEAREST_M))
        return np.asarray(known & within, dtype=np.bool_)

    def project(self, points: Floats) -> Floats:
        """Pixels of points of shape (N, 3), shape (N, 2); NaN where it cannot see them."""
        pixels = np.full((len(points), 2), np.nan)
        seen = self.reaches(points)
        bent = self._bent(points[seen])
        pixels[seen] = bent * np.array(self.focal) + np.array(self.centre)
        return pixels

    def _bent(self, points: Floats) -> Floats:
        x, y, z = points.T
        if self.model is LensModel.EQUIDISTANT:
            across = np.hypot(x, y)
            angle = np.arctan2(across, z)
            k1, k2, k3, k4 = self.coefficients
            squared = angle * angle
            bent = angle * (1.0 + squared * (k1 + squared * (k2 + squared * (k3 + squared * k4))))
            scale = np.divide(bent, across, out=np.zeros_like(across), where=across > 0.0)
            return np.stack([x * scale, y * scale], axis=1)
        k1, k2, p1, p2, k3, k4, k5, k6 = (*self.coefficients, 0.0, 0.0, 0.0)[:8]
        x, y = x / z, y / z
        squared = x * x + y * y
        radial = 1.0 + squared * (k1 + squared * (k2 + squared * k3))
        radial /= 1.0 + squared * (k4 + squared * (k5 + squared * k6))
        return np.stack(
            [
                x * radial + 2.0 * p1 * x * y + p2 * (squared + 2.0 * x * x),
                y * radial + p1 * (squared + 2.0 * y * y) + 2.0 * p2 * x * y,
            ],
            axis=1,
        )


@dataclass(frozen=True, slots=True)
class CameraGeometry:
    """A camera and where it is.

    Attributes:
        lens: how it takes pictures.
        frame_id: the coordinate frame of the pose.
        pose: of the camera's optical frame in that one.
    """

    lens: Lens
    frame_id: str
    pose: Transform


def _radial_reach(coefficients: Sequence[float]) -> float:
    """The tangent at which the bent distance from the axis stops growing; infinite where it never does."""
    k1, k2, _, _, k3, k4, k5, k6 = (*coefficients, 0.0, 0.0, 0.0)[:8]
    above = np.polynomial.Polynomial([0.0, 1.0, 0.0, k1, 0.0, k2, 0.0, k3])
    below = np.polynomial.Polynomial([1.0, 0.0, k4, 0.0, k5, 0.0, k6])
    tangents = np.tan(np.linspace(0.0, math.pi / 2.0, _REACH_STEPS, endpoint=False))
    grows = (above.deriv() * below - above * below.deriv())(tangents)
    return _until(tangents, (grows > 0.0) & (below(tangents) > 0.0), math.inf)


def _equidistant_reach(coefficients: Sequence[float]) -> float:
    """The angle at which the bent angle stops growing; at most half a turn."""
    bent = np.zeros(10)
    bent[1::2] = 1.0, *coefficients
    angles = np.linspace(0.0, math.pi, _REACH_STEPS)
    return _until(angles, np.polynomial.Polynomial(bent).deriv()(angles) > 0.0, math.pi)


def _until(values: Floats, holds: np.ndarray[tuple[int], np.dtype[np.bool_]], always: float) -> float:
    """The last of the values before something first fails to hold."""
    return always if holds.all() else float(values[max(0, int(np.argmin(holds)) - 1)])
