"""Draws state and progress into an image, for a person who watches."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.verdict.verdict import State, Verdict

_WIDTH = 640
_BAND = 46
_JPEG_QUALITY = 80
_COLOURS = {  # blue, green, red
    State.UNKNOWN: (150, 150, 150),
    State.PROGRESSING: (200, 140, 40),
    State.STALLED: (0, 170, 230),
    State.REGRESSING: (0, 110, 230),
    State.FAILED: (40, 40, 210),
    State.SUCCEEDED: (80, 160, 40),
}


def annotate(rgb: NDArray[np.uint8], verdict: Verdict) -> bytes:
    """The image with a band below it: state, progress bar and reason.

    Args:
        rgb: array of shape (height, width, 3), red first.
        verdict: the newest verdict.

    Returns:
        A JPEG, 640 pixels wide.
    """
    height = max(1, round(rgb.shape[0] * _WIDTH / rgb.shape[1]))
    canvas = np.full((height + _BAND, _WIDTH, 3), 32, np.uint8)
    canvas[:height] = cv2.cvtColor(cv2.resize(rgb, (_WIDTH, height)), cv2.COLOR_RGB2BGR)
    colour = _COLOURS[verdict.state]
    if verdict.progress is not None:
        cv2.rectangle(canvas, (0, height), (round(_WIDTH * verdict.progress), height + 8), colour, cv2.FILLED)
    words = verdict.state.name
    if verdict.state is State.FAILED:
        words += f" {verdict.failure_mode.name}"
    if verdict.progress is not None:
        words += f" {100 * verdict.progress:.0f} %"
    _write(canvas, words, height + 25, 0.55, colour)
    _write(canvas, verdict.reason[:100], height + 41, 0.36, (220, 220, 220))
    encoded, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert encoded
    return jpeg.tobytes()


def _write(canvas: NDArray[np.uint8], text: str, baseline: int, size: float, colour: tuple[int, int, int]) -> None:
    plain = text.encode("ascii", "replace").decode()  # the fonts of OpenCV know no other characters
    cv2.putText(canvas, plain, (8, baseline), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
