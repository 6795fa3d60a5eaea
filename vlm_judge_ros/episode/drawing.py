"""What may be drawn into the newest frames: where the robot would move."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class DrawnAs(Enum):
    """How paths are drawn, and so what a judge can be asked about them."""

    ALONE = "alone"
    """One path on a picture: what would come of it?"""
    TOGETHER = "together"
    """All paths on one picture, each with a number: which one?"""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn into the newest frame of some cameras, over what they really saw.

    Attributes:
        drawn_as: how.
        paths: how many there are, at least 1. Together they have the numbers from 1 on.
        number: of the one that is asked about.
        duration_s: how long the longest of the motions would take, seconds.
    """

    drawn_as: DrawnAs
    paths: int
    number: int
    duration_s: float
