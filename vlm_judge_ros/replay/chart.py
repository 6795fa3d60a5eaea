"""An episode over its seconds as SVG, drawn for one width; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vlm_judge_ros.replay.page.bands import (
    RIBBON_HEIGHT,
    draw_lane,
    lane_height,
    lanes,
    ribbon,
    subtasks,
    worth_showing,
)
from vlm_judge_ros.replay.page.panel import Panel
from vlm_judge_ros.replay.page.scale import CHARACTER_WIDTH, NARROW, WIDE, Layout, Scale, round_step
from vlm_judge_ros.replay.trace import Curve, EpisodeTrace
from vlm_judge_ros.verdict.verdict import State

__all__ = ["NARROW", "WIDE", "Layout", "Mark", "chart", "horizon_s", "marks"]

_MARK_ROW = 16.0
_MARK_ROWS = 2
_GAP = 28.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that is marked through all panels."""

    time_s: float
    label: str
    kind: str


def marks(trace: EpisodeTrace) -> tuple[Mark, ...]:
    """The moments worth marking: onset (the judged one where the true one is not known), recognition, success."""
    found = []
    recognition = trace.recognition
    if trace.onset_s is not None:
        found.append(Mark(trace.onset_s, f"began {trace.onset_s:.1f} s", "onset"))
    elif trace.truth is None and recognition is not None and recognition.onset_s is not None:
        found.append(Mark(recognition.onset_s, f"judged onset {recognition.onset_s:.1f} s", "estimated"))
    if recognition is not None:
        found.append(Mark(recognition.known_s, f"recognised {recognition.known_s:.1f} s", "recognised"))
    succeeded = next((ruling for ruling in trace.rulings if ruling.state is State.SUCCEEDED), None)
    if succeeded is not None:
        found.append(Mark(succeeded.known_s, f"success {succeeded.known_s:.1f} s", "succeeded"))
    return tuple(sorted(found, key=lambda mark: mark.time_s))


def horizon_s(trace: EpisodeTrace) -> float:
    """Where the time axis ends: the end of the episode, or a marked moment behind it."""
    return max([trace.duration_s, 1e-3, *(mark.time_s for mark in marks(trace))])


def chart(trace: EpisodeTrace, layout: Layout) -> Markup:
    """Draw progress (true and judged) over the subtasks, probabilities, states and findings over the same seconds."""
    moments = marks(trace)
    scale = Scale(layout, horizon_s(trace))
    top = 6.0 + _MARK_ROW * min(_MARK_ROWS, len(moments))
    progress = Panel(scale, top, layout.progress_height)
    probability = Panel(scale, progress.bottom + _GAP, layout.probability_height)
    ribbon_top = probability.bottom + 12.0

    parts: list[Markup] = []
    parts += subtasks(trace.steps, scale, top, progress.bottom)
    parts += progress.grid((0.0, 0.25, 0.5, 0.75, 1.0), "progress")
    parts += probability.grid((0.0, 0.5, 1.0), "probability")
    lane_parts: list[Markup] = []
    axis_y = ribbon_top + RIBBON_HEIGHT
    for lane in lanes(worth_showing(trace.alarms)):
        lane_parts += draw_lane(lane, scale, axis_y + 4.0)
        axis_y += 4.0 + lane_height(lane)
    parts += _delay(trace, scale, top, axis_y)
    parts += progress.interval(trace.answers)
    parts += progress.line(trace.true_progress, "truth")
    times = tuple(answer.time_s for answer in trace.answers)
    judged = Curve(times, tuple(answer.progress for answer in trace.answers))
    parts += progress.line(judged, "judged")
    parts += progress.dots(judged, "judged")
    parts += probability.line(Curve(times, tuple(answer.success_probability for answer in trace.answers)), "success")
    parts += probability.line(Curve(times, tuple(answer.failure_probability for answer in trace.answers)), "failure")
    parts += ribbon(trace.spans, scale, ribbon_top)
    parts += lane_parts
    parts += _time_axis(scale, axis_y)
    parts += _marks(moments, scale, top, axis_y)
    label = f"{trace.name}: progress, probabilities, state and findings over {trace.duration_s:.1f} seconds"
    return Markup(
        '<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}" data-left="{left:g}" '
        'data-right="{right:g}" data-seconds="{seconds:.3f}">{body}'
        '<line class="playhead" x1="0" x2="0" y1="{top:g}" y2="{bottom:g}" visibility="hidden"/></svg>'
    ).format(
        width=layout.width,
        height=axis_y + 34.0,
        label=label,
        left=layout.left,
        right=layout.width - layout.right,
        seconds=scale.horizon_s,
        body=Markup("").join(parts),
        top=top,
        bottom=axis_y,
    )


def _delay(trace: EpisodeTrace, scale: Scale, top: float, bottom: float) -> Iterator[Markup]:
    if trace.onset_s is None or trace.recognised_s is None:
        return
    first, last = sorted((trace.onset_s, trace.recognised_s))
    yield Markup('<rect class="delay" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        scale.x(first), top, scale.x(last) - scale.x(first), bottom - top
    )


def _time_axis(scale: Scale, y: float) -> Iterator[Markup]:
    step_s = round_step(scale.horizon_s, scale.layout.plot_width, 48)
    for index in range(math.floor(scale.horizon_s / step_s + 1e-9) + 1):
        time_s = index * step_s
        yield Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{:g}</text>').format(
            scale.x(time_s), y + 16, time_s
        )
    yield Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">seconds</text>').format(
        scale.layout.width - scale.layout.right, y + 31
    )


def _marks(moments: Sequence[Mark], scale: Scale, top: float, bottom: float) -> Iterator[Markup]:
    """Vertical lines; labels take a row of their own where they would overlap, and stay inside the drawing."""
    row_ends = [-math.inf] * _MARK_ROWS
    for mark in moments:
        x, width = scale.x(mark.time_s), len(mark.label) * CHARACTER_WIDTH
        begin = min(max(x - width / 2, scale.layout.left), scale.layout.width - scale.layout.right - width)
        row = next((index for index, end in enumerate(row_ends) if end + 8 < begin), _MARK_ROWS - 1)
        row_ends[row] = begin + width
        y = top - 6 - _MARK_ROW * row
        yield Markup('<line class="mark {}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
            mark.kind, x, x, y + 3, bottom
        )
        yield Markup('<text class="mark {}" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
            mark.kind, begin + width / 2, y, mark.label
        )
