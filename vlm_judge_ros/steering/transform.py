"""Rigid transformations between coordinate frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.candidate import Floats

_UNIT_TOLERANCE = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """The pose of one frame in another: what takes the coordinates of a point in the one to those in the other.

    Attributes:
        rotation: shape (3, 3).
        translation: metres, shape (3,).
    """

    rotation: Floats
    translation: Floats

    @classmethod
    def identity(cls) -> Transform:
        """The frame itself."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def of_quaternion(cls, position: Sequence[float], orientation: Sequence[float]) -> Transform:
        """From what a `geometry_msgs/Pose` holds.

        Args:
            position: x, y, z in metres.
            orientation: a quaternion x, y, z, w of length 1, as far as rounding allows.

        Raises:
            JudgeError: a number is not finite, or the quaternion is none of a rotation.
        """
        place, quaternion = np.asarray(position, dtype=np.float64), np.asarray(orientation, dtype=np.float64)
        length = float(np.linalg.norm(quaternion))
        if not (np.isfinite(place).all() and abs(length - 1.0) <= _UNIT_TOLERANCE):
            told = ", ".join(f"{value:g}" for value in (*place, *quaternion))
            raise JudgeError(f"({told}) is no pose; give a finite position and a quaternion x, y, z, w of length 1.")
        x, y, z, w = quaternion / length
        rotation = np.array(
            [
                [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
                [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
                [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
            ]
        )
        return cls(rotation, place)

    @classmethod
    def of_angles(cls, position: Sequence[float], roll: float, pitch: float, yaw: float) -> Transform:
        """From angles in radians about the fixed axes x, then y, then z, as URDF has them."""
        turns = (about_axis(axis, angle) for axis, angle in zip(np.eye(3), (roll, pitch, yaw), strict=True))
        about_x, about_y, about_z = turns
        return cls(about_z @ about_y @ about_x, np.asarray(position, dtype=np.float64))

    def __matmul__(self, inner: Transform) -> Transform:
        """The pose, in the outer frame, of what `inner` is the pose of in this one."""
        return Transform(self.rotation @ inner.rotation, self.rotation @ inner.translation + self.translation)

    def inverse(self) -> Transform:
        """The pose of the other frame in this one."""
        return Transform(self.rotation.T, -self.rotation.T @ self.translation)

    def apply(self, points: Floats) -> Floats:
        """Take points of shape (N, 3) from this frame to the outer one."""
        return points @ self.rotation.T + self.translation


def about_axis(axis: Floats, angles: Floats | float) -> Floats:
    """Rotations about an axis of length 1 by angles in radians of any shape, shape (..., 3, 3)."""
    x, y, z = axis
    across = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned = np.asarray(angles)[..., None, None]
    rotations: Floats = np.eye(3) + np.sin(turned) * across + (1.0 - np.cos(turned)) * (across @ across)
    return rotations
