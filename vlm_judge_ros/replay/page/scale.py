"""Seconds and shares as places in a drawing."""

from __future__ import annotations

from dataclasses import dataclass

CHARACTER_WIDTH = 6.6
"""Width of a character of the drawings' text, in user units; an estimate on the safe side."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in one drawing, in user units (CSS pixels at the drawing's own width).

    Attributes:
        width: whole width.
        left: where the time axis begins.
        right: margin behind the end of the time axis.
        progress_height: height of the panel of progress.
        probability_height: height of the panel of probabilities.
    """

    width: float
    left: float = 46.0
    right: float = 14.0
    progress_height: float = 220.0
    probability_height: float = 100.0

    @property
    def plot_width(self) -> float:
        """Width of the time axis."""
        return self.width - self.left - self.right


WIDE = Layout(width=960.0)
NARROW = Layout(width=360.0, left=38.0, right=8.0, progress_height=190.0, probability_height=84.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """The time axis of a drawing; what lies outside of it is drawn at its ends.

    Attributes:
        layout: of the drawing.
        horizon_s: seconds at the end of the axis, above 0.
    """

    layout: Layout
    horizon_s: float

    def x(self, time_s: float) -> float:
        """Place of a moment."""
        share = min(max(time_s / self.horizon_s, 0.0), 1.0)
        return self.layout.left + share * self.layout.plot_width


def round_step(span: float, width: float, apart: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that, on an axis of this width, lies far enough apart."""
    for exponent in range(-3, 12):
        for mantissa in (1, 2, 5):
            step = mantissa * 10.0**exponent
            if step / span * width >= apart:
                return step
    return span


def fitting(text: str, width: float) -> str:
    """As much of a text as fits into a width; empty where hardly anything would."""
    fits = int((width - 8) / CHARACTER_WIDTH)
    if len(text) <= fits:
        return text
    return text[: fits - 1] + "…" if fits >= 5 else ""
