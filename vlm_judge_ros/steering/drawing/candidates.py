"""Draws the paths of candidates into a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.steering.drawing.colours import PATH_COLOURS, Colour, numbered_colour, time_colour
from vlm_judge_ros.steering.drawing.path import ProjectedPath

MOST_TOGETHER = len(PATH_COLOURS)
"""More paths cannot be told apart on one picture."""

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_SHIFT = 4
_COLOUR_STEPS = 60
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_Place = tuple[float, float]
_Pixels = NDArray[np.uint8]


def draw_alone(picture: _Pixels, path: ProjectedPath) -> _Pixels:
    """The picture with one path: a ring where it starts, a disc where it ends, lighter as time goes by.

    Args:
        picture: red first, shape (height, width, 3); it stays as it is.
        path: projected into this picture.
    """
    canvas, size = picture.copy(), _Size.of(picture)
    _line(canvas, path, time_colour, size)
    _ends(canvas, path, time_colour, size)
    return canvas


def draw_together(picture: _Pixels, paths: Mapping[int, ProjectedPath]) -> _Pixels:
    """The picture with several paths, each in a colour of its own and with its number at its end.

    Args:
        picture: red first, shape (height, width, 3); it stays as it is.
        paths: projected into this picture, by their numbers, 1 to `MOST_TOGETHER`. The last is drawn over the others.
    """
    canvas, size = picture.copy(), _Size.of(picture)

    def colours(number: int) -> Callable[[float], Colour]:
        return lambda share: numbered_colour(number, share)

    for number, path in paths.items():
        _line(canvas, path, colours(number), size)
    for number, path in paths.items():
        _ends(canvas, path, colours(number), size)
    ends = {number: path.last for number, path in paths.items() if path.last is not None}
    places = label_places(list(ends.values()), size.label, picture.shape[1], picture.shape[0])
    for (number, end), place in zip(ends.items(), places, strict=True):
        _label(canvas, number, end, place, size)
    return canvas


def label_places(ends: Sequence[_Place], radius: int, width: int, height: int) -> list[_Place]:
    """Centres of round labels, each as near to the end of its path as there is room.

    Labels lie within the picture and off each other, as long as there is room in it.

    Args:
        ends: in the picture, pixels.
        radius: of a label, pixels.
        width: of the picture, pixels.
        height: the same.
    """
    found: list[_Place] = []
    low, high = np.array([radius, radius]), np.array([width - 1 - radius, height - 1 - radius])
    for end in ends:
        tried = np.clip(np.array(end) + _around(radius, math.hypot(width, height)), low, np.maximum(low, high))
        room = np.full(len(tried), np.inf)
        for other in (*ends, *found):
            apart = 2.2 * radius if other in found else 1.9 * radius
            room = np.minimum(room, np.linalg.norm(tried - np.array(other), axis=1) - apart)
        free = np.flatnonzero(room >= 0.0)
        x, y = tried[free[0] if free.size else int(np.argmax(room))]
        found.append((float(x), float(y)))
    return found


def _around(radius: int, farthest: float) -> NDArray[np.float64]:
    """Offsets in rings around a point, the nearest ring first, shape (N, 2)."""
    rings = np.arange(1.9 * radius, farthest, 0.7 * radius)
    angles = np.deg2rad(np.arange(-60, 300, 20))
    return np.concatenate([ring * np.stack([np.cos(angles), np.sin(angles)], axis=1) for ring in rings])


@dataclass(frozen=True, slots=True)
class _Size:
    """Widths and radii in pixels, in proportion to the picture."""

    line: int
    rim: int
    marker: int
    label: int

    @classmethod
    def of(cls, picture: _Pixels) -> _Size:
        unit = min(picture.shape[:2]) / 240.0
        return cls(max(2, round(2 * unit)), max(1, round(unit)), max(4, round(4.5 * unit)), max(7, round(8 * unit)))


def _line(canvas: _Pixels, path: ProjectedPath, colour_of: Callable[[float], Colour], size: _Size) -> None:
    pieces = np.rint(path.pieces * 2**_SHIFT).astype(np.int32)
    # Black around white around the colour stands out from every ground.
    for rim, colour in ((2, _BLACK), (1, _WHITE)):
        _pieces(canvas, pieces, colour, size.line + 2 * rim * size.rim)
    steps = np.rint(path.shares * _COLOUR_STEPS)
    for step in np.unique(steps):
        _pieces(canvas, pieces[steps == step], colour_of(float(step) / _COLOUR_STEPS), size.line)


def _pieces(canvas: _Pixels, pieces: NDArray[np.int32], colour: Colour, width: int) -> None:
    cv2.polylines(canvas, list(pieces), False, colour, width, cv2.LINE_AA, _SHIFT)


def _ends(canvas: _Pixels, path: ProjectedPath, colour_of: Callable[[float], Colour], size: _Size) -> None:
    if path.start is not None:
        for radius, colour in ((2, _BLACK), (1, colour_of(0.0)), (-1, _WHITE)):
            _disc(canvas, path.start, size.marker + radius * size.rim, colour)
    if path.end is not None:
        for radius, colour in ((2, _BLACK), (1, _WHITE), (0, colour_of(1.0))):
            _disc(canvas, path.end, size.marker + radius * size.rim, colour)


def _label(canvas: _Pixels, number: int, end: _Place, place: _Place, size: _Size) -> None:
    colour = numbered_colour(number, 1.0)
    for rim, told in ((1, _BLACK), (0, colour)):
        cv2.line(canvas, _fixed(end), _fixed(place), told, 1 + 2 * rim, cv2.LINE_AA, _SHIFT)
    for radius, told in ((0, _BLACK), (-size.rim, colour), (-3 * size.rim, _WHITE)):
        _disc(canvas, place, size.label + radius, told)
    text = str(number)
    (width, height), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = 1.1 * size.label / height
    origin = round(place[0] - scale * width / 2), round(place[1] + scale * height / 2)
    cv2.putText(canvas, text, origin, _FONT, scale, _BLACK, max(1, size.rim), cv2.LINE_AA)


def _disc(canvas: _Pixels, centre: _Place, radius: float, colour: Colour) -> None:
    cv2.circle(canvas, _fixed(centre), round(max(1.0, radius) * 2**_SHIFT), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _fixed(place: _Place | NDArray[np.float64]) -> tuple[int, int]:
    """Pixels with a fraction, as OpenCV takes them."""
    return round(float(place[0]) * 2**_SHIFT), round(float(place[1]) * 2**_SHIFT)
