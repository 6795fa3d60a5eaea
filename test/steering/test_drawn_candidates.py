"""Paths drawn into pictures."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_judge_ros.steering.drawing.candidates import MOST_TOGETHER, draw_alone, draw_together, label_places
from vlm_judge_ros.steering.drawing.colours import PATH_COLOURS, numbered_colour, time_colour
from vlm_judge_ros.steering.drawing.path import ProjectedPath

WIDTH, HEIGHT = 320, 240


def line(*corners: tuple[float, float]) -> ProjectedPath:
    points = np.array(corners, dtype=np.float64)
    steps = np.linspace(0.0, len(points) - 1.0, 61)
    fine = np.stack([np.interp(steps, np.arange(len(points)), points[:, axis]) for axis in range(2)], axis=1)
    shares = np.linspace(0.0, 1.0, 60)
    return ProjectedPath(np.stack([fine[:-1], fine[1:]], axis=1), shares, tuple(corners[0]), tuple(corners[-1]))


def ground(level: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def luminance(colours: np.ndarray) -> np.ndarray:
    return np.asarray(colours, dtype=np.float64) @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize("level", [0, 60, 128, 190, 255])
def test_a_line_stands_out_from_light_and_dark_pictures(level: int) -> None:
    drawn = draw_alone(ground(level), line((60, 120), (260, 120)))
    across = luminance(drawn[100:140, 80:240])
    assert (np.abs(across - level).max(axis=0) > 80).all(), "in every column something contrasts with the ground"


def test_the_picture_itself_stays_as_it_is_and_nothing_is_drawn_far_from_the_line() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    before = picture.copy()
    drawn = draw_alone(picture, line((60, 120), (260, 120)))
    assert (picture == before).all()
    rows, columns = np.nonzero((drawn != picture).any(axis=2))
    assert rows.min() > 120 - 15
    assert rows.max() < 120 + 15
    assert columns.min() > 45
    assert columns.max() < 275


def test_start_and_end_look_different_and_time_can_be_read_from_the_lightness() -> None:
    drawn = draw_alone(ground(128), line((60, 120), (260, 120)))
    along = luminance(drawn[120, [75, 120, 160, 200, 245]])
    assert (np.diff(along) > 10).all()
    assert tuple(drawn[120, 60]) == (255, 255, 255)
    assert tuple(drawn[120, 260]) == time_colour(1.0)
    lights = luminance(np.array([time_colour(share) for share in np.linspace(0, 1, 50)]))
    assert (np.diff(lights) > 0).all()


def test_an_end_that_is_out_of_the_picture_is_not_marked() -> None:
    whole = line((60, 120), (319, 120))
    cut = ProjectedPath(whole.pieces, whole.shares, whole.start, None)
    edge = slice(110, 131), slice(305, 320)
    assert (draw_alone(ground(128), cut)[edge] != 128).sum() < (draw_alone(ground(128), whole)[edge] != 128).sum()


# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency" (2009),
# severity 1, for linear RGB.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


@pytest.mark.parametrize("vision", list(VISIONS))
def test_every_kind_of_colour_vision_tells_the_paths_apart(vision: str) -> None:
    values = np.array(PATH_COLOURS, dtype=np.float64) / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISIONS[vision]).T, 0.0, 1.0)
    encoded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055).astype(np.float32)
    lab = cv2.cvtColor(encoded[None], cv2.COLOR_RGB2Lab)[0]
    distances = {pair: float(np.linalg.norm(lab[pair[0]] - lab[pair[1]])) for pair in combinations(range(len(lab)), 2)}
    # A distance of 2.3 is what an eye just sees.
    assert min(distances.values()) > 8.0, min(distances, key=distances.__getitem__)


def test_all_paths_are_on_the_picture_each_with_its_colour_and_its_number() -> None:
    paths = {number: line((40, 20 + 25 * number), (240, 20 + 25 * number)) for number in range(1, MOST_TOGETHER + 1)}
    drawn = draw_together(ground(90), paths)
    for number in paths:
        colour = numbered_colour(number, 0.85)
        assert drawn[20 + 25 * number, 210].astype(int) == pytest.approx(colour, abs=6)
    alone = [draw_together(ground(90), {number: paths[number]}) for number in (1, 2)]
    shifted = np.roll(alone[0], 25, axis=0)
    assert (shifted != alone[1]).any(), "numbers and colours differ"


places = st.tuples(st.floats(0, WIDTH - 1), st.floats(0, HEIGHT - 1))


@settings(max_examples=40)
@given(st.lists(places, min_size=1, max_size=MOST_TOGETHER))
def test_labels_lie_in_the_picture_and_off_each_other(ends: list[tuple[float, float]]) -> None:
    found = label_places(ends, 8, WIDTH, HEIGHT)
    assert len(found) == len(ends)
    for x, y in found:
        assert 8 <= x <= WIDTH - 9
        assert 8 <= y <= HEIGHT - 9
    for one, other in combinations(found, 2):
        assert np.hypot(one[0] - other[0], one[1] - other[1]) > 16.0


@given(places)
def test_a_label_is_near_the_end_of_its_path(end: tuple[float, float]) -> None:
    ((x, y),) = label_places([end], 8, WIDTH, HEIGHT)
    assert np.hypot(x - end[0], y - end[1]) < 40.0


def test_a_path_of_one_place_is_drawn_as_that_place() -> None:
    place = ProjectedPath(np.empty((0, 2, 2)), np.empty(0), (160.0, 120.0), (160.0, 120.0))
    for drawn in (draw_alone(ground(90), place), draw_together(ground(90), {1: place})):
        rows, columns = np.nonzero((drawn != 90).any(axis=2))
        assert np.hypot(rows - 120, columns - 160).min() < 2.0
