"""A panel of a drawing whose values run from 0 at the bottom to 1 at the top."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vlm_judge_ros.replay.page.scale import Scale
from vlm_judge_ros.replay.trace import Answer, Curve

FINEST = 2.0
"""Width in user units within which only the first, lowest, highest and last value of a curve are drawn."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Panel:
    """Draws curves of shares over seconds.

    Attributes:
        scale: the time axis.
        top: upper edge.
        height: from 0 to 1.
    """

    scale: Scale
    top: float
    height: float

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height

    def y(self, value: float) -> float:
        """Place of a share."""
        return self.bottom - min(max(value, 0.0), 1.0) * self.height

    def grid(self, levels: Sequence[float], name: str) -> Iterator[Markup]:
        """Lines with their shares, and the name of the panel."""
        layout = self.scale.layout
        for level in levels:
            y = self.y(level)
            yield Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
                layout.left, layout.width - layout.right, y, y
            )
            yield Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{:.0f} %</text>').format(
                layout.left - 6, y + 4, level * 100
            )
        yield Markup('<text class="panel" x="{:.1f}" y="{:.1f}">{}</text>').format(layout.left + 6, self.top + 14, name)

    def line(self, curve: Curve, kind: str) -> Iterator[Markup]:
        """The curve; it is interrupted where nothing is known."""
        for run in known_runs(curve):
            points = self._thinned([(self.scale.x(time_s), self.y(value)) for time_s, value in run])
            if len(points) == 1:
                yield self._dots(points, kind)
                continue
            drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            yield Markup('<polyline class="line {}" points="{}"/>').format(kind, drawn)

    def dots(self, curve: Curve, kind: str) -> Iterator[Markup]:
        """The known values of a curve, as one element; none where they would touch."""
        points = [(self.scale.x(time_s), self.y(value)) for run in known_runs(curve) for time_s, value in run]
        if points and len(points) * 7 < self.scale.layout.plot_width:
            yield self._dots(points, kind)

    def interval(self, answers: Sequence[Answer]) -> Iterator[Markup]:
        """The band between the lower and the upper end of progress, where the judge gives one."""
        known = [
            answer for answer in answers if math.isfinite(answer.progress_low) and math.isfinite(answer.progress_high)
        ]
        if len(known) < 2:
            return
        upper = self._thinned([(self.scale.x(answer.time_s), self.y(answer.progress_high)) for answer in known])
        lower = self._thinned([(self.scale.x(answer.time_s), self.y(answer.progress_low)) for answer in known])
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*upper, *reversed(lower)])
        yield Markup('<polygon class="interval" points="{}"/>').format(points)

    def _dots(self, points: Sequence[Point], kind: str) -> Markup:
        # A stroke of no length with round ends is a dot.
        return Markup('<path class="dots {}" d="{}"/>').format(kind, "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points))

    def _thinned(self, points: Sequence[Point]) -> list[Point]:
        """No more points than a person can tell apart."""
        if len(points) * FINEST <= self.scale.layout.plot_width:
            return list(points)
        columns: dict[int, list[int]] = {}
        for index, (x, _) in enumerate(points):
            columns.setdefault(int(x // FINEST), []).append(index)
        kept: set[int] = set()
        for indices in columns.values():
            kept |= {indices[0], indices[-1]}
            kept |= {choose(indices, key=lambda index: points[index][1]) for choose in (min, max)}
        return [points[index] for index in sorted(kept)]


def known_runs(curve: Curve) -> Iterator[list[Point]]:
    """The stretches of a curve in which every value is known, as pairs of seconds and value."""
    run: list[Point] = []
    for time_s, value in zip(curve.times_s, curve.values, strict=True):
        if math.isfinite(value):
            run.append((time_s, value))
        elif run:
            yield run
            run = []
    if run:
        yield run
