"""From points in space to pixels, held against OpenCV."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.drawing.camera_geometry import Lens

K = (500.0, 0.0, 321.5, 0.0, 510.0, 238.0, 0.0, 0.0, 1.0)
BARREL = (-0.28, 0.09, 0.0007, -0.0004, -0.01)
FISHEYE = (-0.02, 0.01, -0.004, 0.0005)
points = st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 4)), min_size=1, max_size=30)


def lens(model: str = "plumb_bob", coefficients: tuple[float, ...] = ()) -> Lens:
    return Lens.of_camera_info(640, 480, model, coefficients, K)


def by_opencv(model: str, coefficients: tuple[float, ...], at: np.ndarray) -> np.ndarray:
    matrix, zero = np.array(K).reshape(3, 3), np.zeros(3)
    if model == "equidistant":
        found, _ = cv2.fisheye.projectPoints(at[:, None], zero, zero, matrix, np.array(coefficients))
    else:
        found, _ = cv2.projectPoints(at[:, None], zero, zero, matrix, np.array(coefficients))
    return np.asarray(found).reshape(-1, 2)


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [
        ("plumb_bob", (0.0,) * 5),
        ("plumb_bob", BARREL),
        ("plumb_bob", (0.1, -0.05, 0.001, 0.002, 0.03)),
        ("rational_polynomial", (0.3, -0.1, 0.001, -0.0005, 0.02, 0.5, -0.05, 0.01)),
        ("equidistant", (0.0,) * 4),
        ("equidistant", FISHEYE),
    ],
)
@given(given_points=points)
def test_pixels_are_those_of_opencv(
    model: str, coefficients: tuple[float, ...], given_points: list[tuple[float, ...]]
) -> None:
    at = np.array(given_points)
    tested = lens(model, coefficients)
    # Nearer to the plane of a camera than this OpenCV loses digits, and before it a fisheye lens sees what it does not.
    at = at[tested.reaches(at) & (at[:, 2] > 0.05)]
    assume(len(at))
    assert tested.project(at) == pytest.approx(by_opencv(model, coefficients, at), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(
    ("model", "coefficients"), [("plumb_bob", (-0.05, 0.01, 0.0007, -0.0004, 0.0)), ("equidistant", FISHEYE)]
)
@given(st.floats(5, 634), st.floats(5, 474), st.floats(0.1, 5))
def test_a_pixel_comes_back_from_its_ray(
    model: str, coefficients: tuple[float, ...], x: float, y: float, depth: float
) -> None:
    matrix, pixel = np.array(K).reshape(3, 3), np.array([[[x, y]]])
    undistort = cv2.fisheye.undistortPoints if model == "equidistant" else cv2.undistortPoints
    ray = undistort(pixel, matrix, np.array(coefficients))
    there = np.array([[*np.asarray(ray).ravel(), 1.0]]) * depth
    assert lens(model, coefficients).project(there) == pytest.approx(np.array([[x, y]]), abs=1e-3)


@given(given_points=points)
def test_what_is_behind_a_pinhole_is_nowhere(given_points: list[tuple[float, ...]]) -> None:
    at = np.array(given_points)
    pixels = lens("plumb_bob", BARREL).project(at)
    assert np.isnan(pixels[at[:, 2] <= 0.0]).all()


def test_a_point_far_aside_is_not_folded_back_into_the_picture() -> None:
    aside = np.array([[2.6, 0.0, 1.0]])
    folded = by_opencv("plumb_bob", BARREL, aside)
    plain = lens().project(aside)
    assert plain[0, 0] > 1600
    assert 0 < folded[0, 0] < 640, "the formula alone puts it into the picture"
    assert np.isnan(lens("plumb_bob", BARREL).project(aside)).all()


@given(st.floats(-0.4, 0.4), st.floats(-0.2, 0.2), st.floats(-0.1, 0.1))
def test_within_its_reach_a_lens_never_turns_back(k1: float, k2: float, k3: float) -> None:
    tested = lens("plumb_bob", (k1, k2, 0.0, 0.0, k3))
    tangents = np.linspace(0.0, min(tested.reach, 4.0) * (1 - 1e-9), 200)
    across = tested.project(np.stack([tangents, np.zeros(200), np.ones(200)], axis=1))[:, 0]
    assert (np.diff(across) >= -1e-6).all()


def test_a_fisheye_lens_sees_sideways_and_not_straight_back() -> None:
    tested = lens("equidistant")
    pixels = tested.project(np.array([[1.0, 0.0, -0.2], [0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]))
    assert pixels[0] == pytest.approx([K[2] + K[0] * (math.pi / 2 + math.atan(0.2)), K[5]])
    assert np.isnan(pixels[1]).all()
    assert pixels[2] == pytest.approx([K[2], K[5]])


def test_a_picture_of_half_the_size_shows_a_point_at_half_the_place() -> None:
    at = np.array([[0.2, -0.1, 1.0], [-0.3, 0.2, 0.8]])
    whole, half = lens("plumb_bob", BARREL).project(at), lens("plumb_bob", BARREL).scaled_to(320, 240).project(at)
    # Pixel centres have whole numbers, so half a pixel is left over on each side.
    assert half + 0.5 == pytest.approx((whole + 0.5) / 2)


def test_a_point_lies_on_the_same_thing_when_a_picture_is_shrunk() -> None:
    picture = np.zeros((480, 640), np.uint8)
    (x, y), _ = lens().project(np.array([[0.1, 0.05, 1.0], [0.0, 0.0, 1.0]]))
    cv2.circle(picture, (round(x), round(y)), 12, 255, -1)
    small = cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA).astype(float)
    rows, columns = np.indices(small.shape)
    centre = (columns * small).sum() / small.sum(), (rows * small).sum() / small.sum()
    expected = lens().scaled_to(160, 120).project(np.array([[0.1, 0.05, 1.0]]))[0]
    assert expected == pytest.approx(centre, abs=0.15)


def test_a_cropped_picture_is_refused() -> None:
    with pytest.raises(JudgeError, match=r"480 x 480 pixels.*no scaling"):
        lens().scaled_to(480, 480)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"matrix": (0.0,) * 9}, "not calibrated"),
        ({"matrix": K[:8]}, "9 finite numbers"),
        ({"matrix": (500.0, 3.0, *K[2:])}, "not that of a CameraInfo"),
        ({"model": "omnidirectional"}, "'omnidirectional' is not known"),
        ({"coefficients": (0.1,) * 8}, "plumb_bob has 5 coefficients, and 8"),
        ({"coefficients": (math.inf,)}, "9 finite numbers"),
        ({"width": 0}, "0 x 480"),
    ],
)
def test_what_is_no_camera_is_refused(changed: dict[str, object], message: str) -> None:
    told: dict[str, object] = {"width": 640, "height": 480, "model": "plumb_bob", "coefficients": (), "matrix": K}
    with pytest.raises(JudgeError, match=message):
        Lens.of_camera_info(**{**told, **changed})  # type: ignore[arg-type]
