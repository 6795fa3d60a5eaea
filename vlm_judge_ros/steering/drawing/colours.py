"""Colours of drawn paths."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.steering.candidate import Floats

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

PATH_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (255, 255, 255),
)
"""Of paths on one picture, in the order of their numbers.

The first seven are those of Okabe and Ito, "Color Universal Design" (2008), which people of every kind of colour vision
can tell apart.
"""

_TIME = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], dtype=np.float64)
_DARKEST = 0.5


def time_colour(share: float) -> Colour:
    """Colour of a path that is alone, from dark violet at its start (0) over green to yellow at its end (1).

    It grows lighter all the way, so that it can be read without colour vision too.
    """
    return _colour(np.array([np.interp(share, np.linspace(0.0, 1.0, len(_TIME)), channel) for channel in _TIME.T]))


def numbered_colour(number: int, share: float) -> Colour:
    """Colour of one of several paths, counted from 1: half as light at its start (0) as at its end (1)."""
    return _colour(np.array(PATH_COLOURS[number - 1]) * (_DARKEST + (1.0 - _DARKEST) * share))


def _colour(values: Floats) -> Colour:
    red, green, blue = (round(float(value)) for value in values)
    return red, green, blue
