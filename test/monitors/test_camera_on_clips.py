"""What the health checks of a camera say of recorded episodes, as they are and spoilt."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from camera_clips import (
    RATE_HZ,
    Clip,
    Grey,
    Noise,
    blur,
    bundled_clips,
    hand,
    recorded_images,
    turning,
    two_arms,
    watch,
)
from recorded import DATA, needs_recordings

from vlm_judge_ros.monitors.camera_limits import CameraLimits

FRESH = {"camera_fresh"}
SPOILT_FROM_S = 4.0
SPOILT_FROM = round(SPOILT_FROM_S * RATE_HZ)
SOME = ("pick-place_none_900006", "drawer-open_none_900005")
"""Two of the bundled episodes, of 9 and 12 s; the robot moves in them to the end."""


def from_then_on(spoil: Callable[[Grey], Grey]) -> Callable[[int, Grey], Grey]:
    return lambda index, image: spoil(image) if index >= SPOILT_FROM else image


@cache
def real_clips() -> tuple[Clip, ...]:
    folders = sorted((DATA / "robo_dopamine/dataset/example_raw_data").glob("episode_*"))
    return tuple(clip for folder in folders for clip in two_arms(folder))


def always(spoil: Callable[[Grey], Grey]) -> Callable[[int, Grey], Grey]:
    return lambda _, image: spoil(image)


def test_no_bundled_episode_is_called_anything_but_fresh() -> None:
    clips = bundled_clips()
    assert len(clips) == 18
    for clip in clips:
        assert (clip.name, watch(clip).names) == (clip.name, FRESH)


def test_noise_of_the_sensor_changes_nothing() -> None:
    for clip in bundled_clips(SOME):
        assert (clip.name, watch(clip, always(Noise(4.0))).names) == (clip.name, FRESH)


@pytest.mark.parametrize(
    ("spoil", "name", "within_s"),
    [
        (lambda image: np.zeros_like(image), "camera_black", 1.0),
        (lambda image: np.full_like(image, 255), "camera_overexposed", 1.0),
        (lambda image: np.clip(image.astype(int) * 4 + 120, 0, 255).astype(np.uint8), "camera_overexposed", 1.0),
        (lambda image: hand(image, 200.0), "camera_blocked", 1.0),
        (lambda image: hand(image, 60.0), "camera_blocked", 1.0),
        (lambda image: hand(image, 24.0), "camera_blocked", 1.0),
        (blur, "camera_blurred", 2.6),
        (lambda image: Noise(3.0)(blur(image)), "camera_blurred", 2.6),
    ],
    ids=["black", "white", "glare", "bright hand", "dim hand", "dark hand", "blur", "blur and noise"],
)
def test_a_spoilt_image_is_found_within_its_seconds(spoil: Callable[[Grey], Grey], name: str, within_s: float) -> None:
    for clip in bundled_clips(SOME):
        found = watch(clip, from_then_on(spoil))
        assert (clip.name, found.names) == (clip.name, {"camera_fresh", name})
        assert found.first_s[name] <= SPOILT_FROM_S + within_s + 0.01


def test_a_blur_that_passes_is_no_fault() -> None:
    for clip in bundled_clips(SOME):
        found = watch(clip, lambda index, image: blur(image) if 40 <= index < 55 else image)
        assert found.names == FRESH


def frozen(
    noise: Noise | None = None, before: Noise | None = None, begin: int = SPOILT_FROM
) -> Callable[[int, Grey], Grey]:
    """Show the same image from then on, with noise or without; before it images have noise of their own, or not."""
    kept: list[Grey] = []

    def spoil(index: int, image: Grey) -> Grey:
        if before is not None:
            image = before(image)
        if index < begin:
            return image
        kept.append(image)
        return kept[0] if noise is None else noise(kept[0])

    return spoil


def test_a_camera_that_shows_noise_at_rest_and_then_one_same_image_is_frozen_after_two_seconds() -> None:
    rest = 30
    for clip in bundled_clips(SOME):
        images, travels = (clip.images[0],) * rest + clip.images, (clip.travels[0],) * rest + clip.travels
        found = watch(Clip(clip.name, images, travels), frozen(None, Noise(3.0), SPOILT_FROM + rest))
        assert (clip.name, found.names) == (clip.name, {"camera_fresh", "camera_frozen"})
        assert found.first_s["camera_frozen"] <= (SPOILT_FROM + rest) / RATE_HZ + 2.5


def test_a_wrist_camera_that_shows_one_image_with_changing_noise_is_frozen_while_the_arm_moves() -> None:
    for clip in bundled_clips(SOME):
        if clip.name.endswith("wrist"):
            found = watch(clip, frozen(Noise(3.0), Noise(3.0)))
            assert (clip.name, found.names) == (clip.name, {"camera_fresh", "camera_frozen"})
            assert found.first_s["camera_frozen"] <= SPOILT_FROM_S + 4.0


def test_a_camera_that_does_not_move_is_given_ten_seconds_in_which_the_robot_is_out_of_its_view() -> None:
    for clip in bundled_clips(SOME):
        if clip.name.endswith("front"):
            assert watch(clip, frozen()).names == FRESH
            soon = watch(clip, frozen(Noise(3.0), Noise(3.0)), CameraLimits(frozen_view_s=3.0))
            assert (clip.name, soon.names) == (clip.name, {"camera_fresh", "camera_frozen"})


@pytest.mark.parametrize("name", ["frozen_s", "overexposed_share", "blocked_contrast", "blurred_share"])
def test_each_check_can_be_switched_off(name: str) -> None:
    spoilt: dict[str, Callable[[int, Grey], Grey]] = {
        "frozen_s": frozen(Noise(3.0), Noise(3.0)),
        "overexposed_share": from_then_on(lambda image: np.clip(image, 252, 255)),
        "blocked_contrast": from_then_on(lambda image: hand(image, 200.0)),
        "blurred_share": from_then_on(blur),
    }
    limits = {"blocked_contrast": 0, **{name: 0}} if name == "overexposed_share" else {name: 0}
    wrist = next(clip for clip in bundled_clips(SOME) if clip.name.endswith("wrist"))
    assert watch(wrist, spoilt[name], CameraLimits(**limits)).names == FRESH


@needs_recordings
def test_no_camera_of_two_real_arms_that_take_turns_is_called_anything_but_fresh() -> None:
    for clip in real_clips():
        assert (clip.name, watch(clip).names) == (clip.name, FRESH)


@needs_recordings
def test_no_view_of_the_recorded_simulations_is_called_anything_but_fresh() -> None:
    paths = sorted((DATA / "sole_r1_lift").rglob("*.mp4"))
    assert len(paths) == 10
    for path in paths:
        for half in (lambda grey: grey[:, : grey.shape[1] // 2], lambda grey: grey[:, grey.shape[1] // 2 :]):
            assert (path.stem, watch(turning(path.stem, recorded_images(path, half))).names) == (path.stem, FRESH)


@needs_recordings
def test_a_smeared_or_frozen_real_wrist_camera_is_found() -> None:
    clip = next(clip for clip in real_clips() if clip.name == "episode_001 cam_left_wrist")
    clip = turning(clip.name, clip.images[100:250])
    blurred = watch(clip, from_then_on(blur))
    assert blurred.first_s["camera_blurred"] <= SPOILT_FROM_S + 2.6
    stuck = watch(clip, frozen(Noise(3.0), Noise(3.0)))
    assert stuck.first_s["camera_frozen"] <= SPOILT_FROM_S + 4.0
