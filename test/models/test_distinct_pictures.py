"""Which pictures show something new."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.models.two_view import coarse_colours, distinct


def picture(place: int) -> np.ndarray:
    image = np.full((96, 96, 3), 90, dtype=np.uint8)
    image[40:52, place : place + 12] = 200
    return image


def test_noise_of_a_camera_is_nothing_new() -> None:
    random = np.random.default_rng(0)
    noisy = [np.clip(picture(10) + random.normal(0, 3, (96, 96, 3)), 0, 255).astype(np.uint8) for _ in range(50)]
    assert distinct(np.stack([coarse_colours(image) for image in noisy])) == [0]


def test_what_moves_slowly_is_new_once_it_has_moved_enough() -> None:
    shown = [picture(10 + index // 4) for index in range(40)]
    kept = distinct(np.stack([coarse_colours(image) for image in shown]))
    assert kept[0] == 0
    assert 8 <= len(kept) <= 10


def test_a_picture_that_comes_back_is_new_again() -> None:
    shown = [picture(10), picture(50), picture(10), picture(10)]
    assert distinct(np.stack([coarse_colours(image) for image in shown])) == [0, 1, 2]
