"""Images side by side as one picture, each with its caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.outputs.whole_file import whole_file

COLUMNS = 8
WIDTH, HEIGHT, CAPTION = 240, 180, 24
"""Pixels of one image with its margin, and of the line below it."""
_MARGIN = 4
_PAPER, _INK = 255, (40, 40, 40)


@dataclass(frozen=True, slots=True)
class Print:
    """An image of shape (height, width, 3), red first, and the line below it, in ASCII."""

    rgb: NDArray[np.uint8]
    caption: str


def contact_sheet(rows: Sequence[Sequence[Print]]) -> NDArray[np.uint8]:
    """Lay out rows of images; a row of more than eight goes on in the next line.

    Args:
        rows: at least one, none empty.

    Returns:
        Array of shape (height, width, 3), red first.
    """
    lines = [row[begin : begin + COLUMNS] for row in rows for begin in range(0, len(row), COLUMNS)]
    columns = max(len(line) for line in lines)
    sheet = np.full((len(lines) * (HEIGHT + CAPTION), columns * WIDTH, 3), _PAPER, dtype=np.uint8)
    for row, line in enumerate(lines):
        for column, one in enumerate(line):
            _place(sheet, row * (HEIGHT + CAPTION), column * WIDTH, one)
    return sheet


def write_sheet(rows: Sequence[Sequence[Print]], path: Path) -> None:
    """Write a contact sheet as JPEG, whole or not at all.

    Raises:
        JudgeError: the file cannot be written.
    """
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(contact_sheet(rows), cv2.COLOR_RGB2BGR))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(jpeg.tobytes())
    except OSError as error:
        raise JudgeError(f"The sheet cannot be written to {path} ({error.strerror}); choose another place.") from error


def _place(sheet: NDArray[np.uint8], top: int, left: int, one: Print) -> None:
    height, width, _ = one.rgb.shape
    scale = min((HEIGHT - _MARGIN) / height, (WIDTH - _MARGIN) / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = cv2.resize(one.rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    sheet[top : top + size[1], left : left + size[0]] = picture
    place = left + 2, top + HEIGHT + CAPTION - 8
    cv2.putText(sheet, one.caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
