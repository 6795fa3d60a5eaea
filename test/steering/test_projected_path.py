"""Paths in space as lines in a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.candidate import EndEffectorPath
from vlm_judge_ros.steering.drawing.camera_geometry import CameraGeometry, Lens
from vlm_judge_ros.steering.drawing.path import ProjectedPath, project_path
from vlm_judge_ros.steering.transform import Transform

WIDTH, HEIGHT = 320, 240
K = (250.0, 0.0, 160.0, 0.0, 250.0, 120.0, 0.0, 0.0, 1.0)
LENSES = {
    "pinhole": Lens.of_camera_info(WIDTH, HEIGHT, "", (), K),
    "barrel": Lens.of_camera_info(WIDTH, HEIGHT, "plumb_bob", (-0.28, 0.09, 0.0007, -0.0004, -0.01), K),
    "fisheye": Lens.of_camera_info(WIDTH, HEIGHT, "equidistant", (-0.02, 0.01, -0.004, 0.0005), K),
}


def path_of(*points: tuple[float, float, float]) -> EndEffectorPath:
    return EndEffectorPath("base", np.arange(len(points), dtype=np.float64), np.array(points, dtype=np.float64))


def seen(path: EndEffectorPath, lens: str = "pinhole") -> ProjectedPath:
    return project_path(path, CameraGeometry(LENSES[lens], "base", Transform.identity()), WIDTH, HEIGHT)


paths = st.integers(1, 6).flatmap(
    lambda count: arrays(np.float64, (count, 3), elements=st.floats(-1.5, 1.5, width=16)).map(
        lambda points: path_of(*points)
    )
)


@pytest.mark.parametrize("lens", list(LENSES))
@settings(max_examples=40)
@given(path=paths)
def test_every_piece_lies_in_the_picture_in_the_order_of_time(lens: str, path: EndEffectorPath) -> None:
    found = seen(path, lens)
    assert np.isfinite(found.pieces).all()
    assert (found.pieces >= 0.0).all()
    assert (found.pieces <= [WIDTH - 1, HEIGHT - 1]).all()
    assert found.pieces.shape == (len(found.shares), 2, 2)
    assert (np.diff(found.shares) >= 0.0).all()
    assert ((found.shares >= 0.0) & (found.shares <= 1.0)).all()


@settings(max_examples=40)
@given(path=paths)
def test_a_line_shows_exactly_the_points_of_the_path_that_are_in_the_picture(path: EndEffectorPath) -> None:
    """Points far along each segment, projected one by one, lie on the line; and where none is seen there is no line."""
    found = seen(path)
    shares = np.linspace(0.0, 1.0, 37)[:, None]
    points = np.concatenate([a + shares * (b - a) for a, b in zip(path.positions[:-1], path.positions[1:], strict=True)]
                            or [path.positions])  # fmt: skip
    pixels = LENSES["pinhole"].project(points)
    pixels = pixels[((pixels >= 0.0) & (pixels <= [WIDTH - 1, HEIGHT - 1])).all(axis=1)]
    if len(path.positions) > 1 and len(pixels):
        assert len(found.pieces)
        begin, along = found.pieces[:, 0], found.pieces[:, 1] - found.pieces[:, 0]
        square = np.maximum((along**2).sum(axis=1), 1e-12)
        place = np.clip(((pixels[:, None] - begin) * along).sum(axis=2) / square, 0.0, 1.0)
        distance = np.linalg.norm(pixels[:, None] - (begin + place[..., None] * along), axis=2).min(axis=1)
        assert distance.max() < 1e-3


def test_a_path_that_comes_from_behind_begins_at_the_edge_and_ends_where_it_ends() -> None:
    found = seen(path_of((0.2, 0.0, -1.0), (0.2, 0.0, 1.0)))
    assert found.start is None
    assert found.end == pytest.approx((210, 120))
    # Ahead of the camera it comes in from the right; behind it, it would have been mirrored to the left.
    assert found.pieces[0, 0] == pytest.approx([WIDTH - 1, 120])
    assert found.pieces[..., 0].min() >= 210 - 1e-6


def test_a_path_behind_the_camera_is_not_seen() -> None:
    found = seen(path_of((0.0, 0.0, -1.0), (0.1, 0.0, -2.0)))
    assert not found.is_seen
    assert found.last is None


def test_a_path_beside_the_picture_is_not_seen_and_one_across_it_is() -> None:
    assert not seen(path_of((2.0, -1.0, 1.0), (2.0, 1.0, 1.0))).is_seen
    across = seen(path_of((-2.0, 0.0, 1.0), (2.0, 0.0, 1.0)))
    assert (across.start, across.end) == (None, None)
    assert across.last == pytest.approx((WIDTH - 1, 120))


def test_a_lens_that_bends_strongly_does_not_bring_back_what_is_far_aside() -> None:
    """By the bare formula a path far to the right would appear in the picture."""
    path = path_of((2.63, 0.0, 1.0), (2.63, 0.02, 1.0))
    bare, _ = cv2.projectPoints(
        path.positions, np.zeros(3), np.zeros(3), np.array(K).reshape(3, 3), np.array(LENSES["barrel"].coefficients)
    )
    assert ((bare >= 0) & (bare < WIDTH)).all()
    assert not seen(path, "barrel").is_seen


def test_a_straight_path_is_bent_as_the_lens_bends_it() -> None:
    found = seen(path_of((-0.5, 0.35, 1.0), (0.5, 0.35, 1.0)), "barrel")
    middle, ends = found.pieces[len(found.pieces) // 2, 0, 1], found.pieces[[0, -1], [0, 1], 1]
    assert (middle - ends > 2.0).all()


def test_a_path_of_one_point_is_a_place() -> None:
    found = seen(path_of((0.0, 0.0, 1.0)))
    assert found.is_seen
    assert found.start == found.end == pytest.approx((160, 120))
    assert len(found.pieces) == 0


def test_shares_follow_the_times_and_not_the_points() -> None:
    times = np.array([2.0, 2.1, 6.0])
    path = EndEffectorPath("base", times, np.array([[-0.1, 0, 1], [0, 0, 1], [0.1, 0, 1]], dtype=np.float64))
    found = seen(path)
    middle = int(np.argmin(np.abs(found.pieces[:, 0, 0] - 160)))
    assert found.shares[middle] == pytest.approx(0.1 / 4.0, abs=0.02)


def test_a_path_in_another_frame_is_refused() -> None:
    path = EndEffectorPath("world", np.zeros(1), np.zeros((1, 3)))
    with pytest.raises(JudgeError, match="in the frame world, and the pose of the camera is known in base"):
        seen(path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lens", list(LENSES))
@pytest.mark.parametrize("far", [1e6, 1e200, 1.7e308])
def test_points_that_are_absurdly_far_away_are_not_seen_and_harm_nothing(lens: str, far: float) -> None:
    turned = CameraGeometry(LENSES[lens], "base", Transform.of_angles((0, 0, 0), 0.1, 0.2, 0.3))
    found = project_path(path_of((far, 0.0, 1.0), (-far, far, far)), turned, WIDTH, HEIGHT)
    assert found.start is None
    assert np.isfinite(found.pieces).all()
