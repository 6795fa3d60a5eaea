"""Curves over seconds as SVG, drawn for one width; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from vlm_judge_ros.replay.trace import Curve, EpisodeTrace
from vlm_judge_ros.verdict.verdict import State


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

_MARK_ROW = 16.0
_GAP = 28.0
_RIBBON_HEIGHT = 22.0
_CHARACTER_WIDTH = 6.6


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that is marked through all panels."""

    time_s: float
    label: str
    kind: str


def marks(trace: EpisodeTrace) -> tuple[Mark, ...]:
    """The moments worth marking: true onset, recognition, success."""
    found = []
    if trace.onset_s is not None:
        found.append(Mark(trace.onset_s, f"began {trace.onset_s:.1f} s", "onset"))
    if trace.recognised_s is not None:
        found.append(Mark(trace.recognised_s, f"recognised {trace.recognised_s:.1f} s", "recognised"))
    succeeded = next((ruling for ruling in trace.rulings if ruling.state is State.SUCCEEDED), None)
    if succeeded is not None:
        found.append(Mark(succeeded.known_s, f"success {succeeded.known_s:.1f} s", "succeeded"))
    return tuple(sorted(found, key=lambda mark: mark.time_s))


def horizon_s(trace: EpisodeTrace) -> float:
    """Where the time axis ends: the end of the episode, or a marked moment behind it."""
    return max([trace.duration_s, 1e-3, *(mark.time_s for mark in marks(trace))])


def chart(trace: EpisodeTrace, layout: Layout) -> Markup:
    """Draw progress (true and judged), probabilities, and the states of the gate over the same seconds."""
    moments = marks(trace)
    scale = _Scale(layout, horizon_s(trace))
    top = 6.0 + _MARK_ROW * min(2, len(moments))
    progress = _Panel(scale, top, layout.progress_height)
    probability = _Panel(scale, progress.bottom + _GAP, layout.probability_height)
    ribbon_top = probability.bottom + 12.0
    axis_y = ribbon_top + _RIBBON_HEIGHT
    height = axis_y + 34.0

    parts: list[Markup] = []
    parts += progress.grid((0.0, 0.25, 0.5, 0.75, 1.0), "progress")
    parts += probability.grid((0.0, 0.5, 1.0), "probability")
    parts += _delay(trace, scale, top, ribbon_top)
    parts += progress.interval(trace)
    parts += progress.line(trace.true_progress, "truth")
    times = tuple(answer.time_s for answer in trace.answers)
    judged = Curve(times, tuple(answer.progress for answer in trace.answers))
    parts += progress.line(judged, "judged")
    parts += progress.dots(judged, "judged")
    parts += probability.line(Curve(times, tuple(answer.success_probability for answer in trace.answers)), "success")
    parts += probability.line(Curve(times, tuple(answer.failure_probability for answer in trace.answers)), "failure")
    parts += _ribbon(trace, scale, ribbon_top)
    parts += _time_axis(scale, axis_y)
    parts += _marks(moments, scale, top, axis_y)
    label = f"{trace.name}: progress, probabilities and state over {trace.duration_s:.1f} seconds"
    return Markup(
        '<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}" data-left="{left:g}" '
        'data-right="{right:g}" data-seconds="{seconds:.3f}">{body}'
        '<line class="playhead" x1="0" x2="0" y1="{top:g}" y2="{bottom:g}" visibility="hidden"/></svg>'
    ).format(
        width=layout.width,
        height=height,
        label=label,
        left=layout.left,
        right=layout.width - layout.right,
        seconds=scale.horizon_s,
        body=Markup("").join(parts),
        top=top,
        bottom=axis_y,
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    layout: Layout
    horizon_s: float

    def x(self, time_s: float) -> float:
        share = min(max(time_s / self.horizon_s, 0.0), 1.0)
        return self.layout.left + share * self.layout.plot_width


@dataclass(frozen=True, slots=True)
class _Panel:
    """A panel whose values run from 0 at the bottom to 1 at the top."""

    scale: _Scale
    top: float
    height: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def y(self, value: float) -> float:
        return self.bottom - min(max(value, 0.0), 1.0) * self.height

    def grid(self, levels: Sequence[float], name: str) -> Iterator[Markup]:
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
        for run in _known_runs(curve):
            if len(run) == 1:
                yield from self.dots(Curve((run[0][0],), (run[0][1],)), kind)
                continue
            points = " ".join(f"{self.scale.x(time_s):.1f},{self.y(value):.1f}" for time_s, value in run)
            yield Markup('<polyline class="line {}" points="{}"/>').format(kind, points)

    def dots(self, curve: Curve, kind: str) -> Iterator[Markup]:
        for run in _known_runs(curve):
            for time_s, value in run:
                yield Markup(
                    '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{:.1f} s: {:.0f} %</title></circle>'
                ).format(kind, self.scale.x(time_s), self.y(value), time_s, value * 100)

    def interval(self, trace: EpisodeTrace) -> Iterator[Markup]:
        """The band between the lower and the upper end of progress, where the judge gives one."""
        known = [
            answer
            for answer in trace.answers
            if math.isfinite(answer.progress_low) and math.isfinite(answer.progress_high)
        ]
        if len(known) < 2:
            return
        upper = [f"{self.scale.x(a.time_s):.1f},{self.y(a.progress_high):.1f}" for a in known]
        lower = [f"{self.scale.x(a.time_s):.1f},{self.y(a.progress_low):.1f}" for a in reversed(known)]
        yield Markup('<polygon class="interval" points="{}"/>').format(" ".join(upper + lower))


def _known_runs(curve: Curve) -> Iterator[list[tuple[float, float]]]:
    run: list[tuple[float, float]] = []
    for time_s, value in zip(curve.times_s, curve.values, strict=True):
        if math.isfinite(value):
            run.append((time_s, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _delay(trace: EpisodeTrace, scale: _Scale, top: float, bottom: float) -> Iterator[Markup]:
    if trace.onset_s is None or trace.recognised_s is None:
        return
    first, last = sorted((trace.onset_s, trace.recognised_s))
    yield Markup('<rect class="delay" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        scale.x(first), top, scale.x(last) - scale.x(first), bottom - top
    )


def _ribbon(trace: EpisodeTrace, scale: _Scale, top: float) -> Iterator[Markup]:
    for span in trace.spans:
        ruling = span.ruling
        x, width = scale.x(span.begin_s), scale.x(span.end_s) - scale.x(span.begin_s)
        if width <= 0:
            continue
        yield Markup(
            '<g class="state {kind}"><title>{begin:.1f} s to {end:.1f} s: {state}. {reason}</title>'
            '<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" rx="2"/>'
        ).format(
            kind=ruling.state.name.lower(),
            begin=span.begin_s,
            end=span.end_s,
            state=ruling.state.name,
            reason=ruling.reason,
            x=x,
            y=top,
            width=width,
            height=_RIBBON_HEIGHT,
        )
        label = ruling.state.name.lower()
        if width > len(label) * _CHARACTER_WIDTH + 8:
            yield Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
                x + width / 2, top + _RIBBON_HEIGHT / 2 + 4, label
            )
        yield Markup("</g>")


def _time_axis(scale: _Scale, y: float) -> Iterator[Markup]:
    step_s = _tick_step(scale.horizon_s, scale.layout.plot_width)
    for index in range(math.floor(scale.horizon_s / step_s + 1e-9) + 1):
        time_s = index * step_s
        yield Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{:g}</text>').format(
            scale.x(time_s), y + 16, time_s
        )
    yield Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">seconds</text>').format(
        scale.layout.width - scale.layout.right, y + 31
    )


def _tick_step(horizon_s: float, plot_width: float) -> float:
    """The smallest round step whose labels lie at least 48 units apart."""
    for exponent in range(-2, 8):
        for mantissa in (1, 2, 5):
            step_s = mantissa * 10.0**exponent
            if step_s / horizon_s * plot_width >= 48:
                return step_s
    return horizon_s


def _marks(moments: Sequence[Mark], scale: _Scale, top: float, bottom: float) -> Iterator[Markup]:
    """Vertical lines; labels take a row of their own where they would overlap, and stay inside the drawing."""
    row_ends = [-math.inf, -math.inf]
    for mark in moments:
        x, width = scale.x(mark.time_s), len(mark.label) * _CHARACTER_WIDTH
        begin = min(max(x - width / 2, scale.layout.left), scale.layout.width - scale.layout.right - width)
        row = next((index for index, end in enumerate(row_ends) if end + 8 < begin), 1)
        row_ends[row] = begin + width
        y = top - 6 - _MARK_ROW * row
        yield Markup('<line class="mark {}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
            mark.kind, x, x, y + 3, bottom
        )
        yield Markup('<text class="mark {}" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
            mark.kind, begin + width / 2, y, escape(mark.label)
        )
