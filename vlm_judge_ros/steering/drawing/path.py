"""A path in space as a line in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.candidate import EndEffectorPath, Floats
from vlm_judge_ros.steering.drawing.camera_geometry import CameraGeometry, Lens

_FEWEST_PIECES = 120
_HALVINGS = 40


@dataclass(frozen=True, slots=True, eq=False)
class ProjectedPath:
    """What a camera sees of a path if nothing stands before it: what hides the path is not known.

    Attributes:
        pieces: ends of straight pieces in the order of time, pixels within the picture, shape (M, 2, 2).
        shares: when each piece is passed, from 0 at the start of the path to 1 at its end, shape (M,).
        start: where the path starts; None where the picture does not show that.
        end: where it ends; None where the picture does not show that.
    """

    pieces: Floats
    shares: Floats
    start: tuple[float, float] | None
    end: tuple[float, float] | None

    @property
    def is_seen(self) -> bool:
        """Whether the picture shows anything of it."""
        return len(self.pieces) > 0 or self.end is not None

    @property
    def last(self) -> tuple[float, float] | None:
        """The last place of the path that the picture shows; None where it shows none."""
        if self.end is not None or not len(self.pieces):
            return self.end
        x, y = self.pieces[-1, 1]
        return float(x), float(y)


def project_path(path: EndEffectorPath, camera: CameraGeometry, width: int, height: int) -> ProjectedPath:
    """Find where a path appears in a picture.

    What lies behind the camera, or beyond what its lens reaches, is cut off there, and the rest at the edge of the
    picture; nothing is moved into it.

    Args:
        path: in the frame of the camera's pose.
        camera: that took the picture.
        width: of the picture, pixels.
        height: the same.

    Raises:
        JudgeError: the path is in another frame, or the picture is no scaling of what the camera was calibrated with.
    """
    if path.frame_id != camera.frame_id:
        raise JudgeError(
            f"The path is in the frame {path.frame_id}, and the pose of the camera is known in {camera.frame_id}; send "
            "it in that one."
        )
    lens = camera.lens.scaled_to(width, height)
    # Of points that are farther away than numbers go nothing is left, and nothing is seen.
    with np.errstate(over="ignore", invalid="ignore"):
        return _projected(camera.pose.inverse().apply(path.positions), path.times_s, lens, width, height)


def _projected(points: Floats, times_s: Floats, lens: Lens, width: int, height: int) -> ProjectedPath:
    ends, shares = _divided(points, times_s)
    begins, stops = ends[:, 0], ends[:, 1]
    from_seen, to_seen = lens.reaches(begins), lens.reaches(stops)
    begins = np.where((to_seen & ~from_seen)[:, None], _edge(lens, stops, begins), begins)
    stops = np.where((from_seen & ~to_seen)[:, None], _edge(lens, begins, stops), stops)
    kept = from_seen | to_seen
    pieces = np.stack([lens.project(begins[kept]), lens.project(stops[kept])], axis=1)
    within, inside = _clipped(pieces, width, height)
    start, end = (_place(pixels, width, height) for pixels in lens.project(points[[0, -1]]))
    return ProjectedPath(within, shares[kept][inside], start, end)


def _divided(points: Floats, times_s: Floats) -> tuple[Floats, Floats]:
    """Ends of short pieces of a path, shape (M, 2, 3), and when each is passed: lenses bend what is straight."""
    each = max(1, -(-_FEWEST_PIECES // max(1, len(points) - 1)))
    steps = np.arange(each * (len(points) - 1) + 1) / each
    known = np.arange(len(points))
    fine = np.stack([np.interp(steps, known, points[:, axis]) for axis in range(3)], axis=1)
    lasting = float(times_s[-1] - times_s[0])
    shares = (np.interp(steps, known, times_s) - times_s[0]) / (lasting or 1.0)
    return np.stack([fine[:-1], fine[1:]], axis=1), (shares[:-1] + shares[1:]) / 2.0


def _edge(lens: Lens, seen: Floats, unseen: Floats) -> Floats:
    """Between points that a lens reaches and such that it does not, the last ones that it reaches; all shape (N, 3)."""
    near, far = seen, unseen
    for _ in range(_HALVINGS):
        middle = (near + far) / 2.0
        reached = lens.reaches(middle)[:, None]
        near, far = np.where(reached, middle, near), np.where(reached, far, middle)
    return near


def _clipped(pieces: Floats, width: int, height: int) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The part of each piece that lies in the picture, and which pieces have one, after Liang and Barsky."""
    begins, along = pieces[:, 0], pieces[:, 1] - pieces[:, 0]
    enters, leaves = np.zeros(len(pieces)), np.ones(len(pieces))
    outside = np.zeros(len(pieces), dtype=np.bool_)
    for axis, last in enumerate((width - 1.0, height - 1.0)):
        for speed, room in ((-along[:, axis], begins[:, axis]), (along[:, axis], last - begins[:, axis])):
            reached = np.divide(room, speed, out=np.zeros_like(room), where=speed != 0.0)
            outside |= (speed == 0.0) & (room < 0.0)
            enters = np.where(speed < 0.0, np.maximum(enters, reached), enters)
            leaves = np.where(speed > 0.0, np.minimum(leaves, reached), leaves)
    inside = ~outside & (enters <= leaves)
    shares = np.stack([enters, leaves], axis=1)[inside]
    corner = np.array([width - 1.0, height - 1.0])
    return np.clip(begins[inside][:, None] + shares[..., None] * along[inside][:, None], 0.0, corner), inside


def _place(pixels: Floats, width: int, height: int) -> tuple[float, float] | None:
    x, y = (float(value) for value in pixels)
    # No comparison with NaN is true.
    return (x, y) if 0.0 <= x <= width - 1.0 and 0.0 <= y <= height - 1.0 else None
