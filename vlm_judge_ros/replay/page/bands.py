"""What holds for a stretch of time, as bands over the time axis: states, subtasks, what the layers found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.replay.page.scale import Scale, fitting
from vlm_judge_ros.replay.trace import Alarm, Span, Step

RIBBON_HEIGHT = 22.0
ROWS = 4
"""Rows of a lane; what overlaps with more lies over the last one."""
FIRST_FRAMES_S = 0.5
_CAPTION, _ROW, _BAR, _NARROWEST = 15.0, 10.0, 8.0, 3.0

Lane = tuple[str, list[list[Alarm]]]


def ribbon(spans: Sequence[Span], scale: Scale, top: float) -> Iterator[Markup]:
    """The states of the gate."""
    for span in spans:
        ruling = span.ruling
        x, width = scale.x(span.begin_s), scale.x(span.end_s) - scale.x(span.begin_s)
        if width <= 0:
            continue
        name = ruling.state.name.lower()
        yield Markup(
            '<g class="state {}"><title>{:.1f} s to {:.1f} s: {}. {}</title>'
            '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:g}" rx="2"/>'
        ).format(name, span.begin_s, span.end_s, ruling.state.name, ruling.reason, x, top, width, RIBBON_HEIGHT)
        if fitting(name, width) == name:
            yield _label(name, x + width / 2, top + RIBBON_HEIGHT / 2 + 4)
        yield Markup("</g>")


def subtasks(steps: Sequence[Step], scale: Scale, top: float, bottom: float) -> Iterator[Markup]:
    """The subtasks, as grounds of alternating shade with their names at the lower edge."""
    for index, step in enumerate(steps):
        x, width = scale.x(step.begin_s), scale.x(step.end_s) - scale.x(step.begin_s)
        if width <= 0:
            continue
        yield Markup(
            '<g class="step {}"><title>{:.1f} s to {:.1f} s: {}</title>'
            '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
        ).format("odd" if index % 2 else "even", step.begin_s, step.end_s, step.name, x, top, width, bottom - top)
        label = fitting(step.name, width)
        if label:
            yield _label(label, x + width / 2, bottom - 6)
        yield Markup("</g>")


def worth_showing(alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
    """All but what every episode begins with: that nothing has been seen yet, until the first frames come."""
    return tuple(alarm for alarm in alarms if alarm.finding.effect is not Effect.BLIND or alarm.end_s > FIRST_FRAMES_S)


def lanes(alarms: Sequence[Alarm]) -> tuple[Lane, ...]:
    """What the layers found, a lane for each layer that found anything, in rows without overlaps where they suffice."""
    found: dict[str, list[list[Alarm]]] = {}
    for alarm in sorted(alarms, key=lambda alarm: (alarm.finding.layer, alarm.begin_s)):
        rows = found.setdefault(alarm.finding.layer.name.lower(), [])
        free = next((row for row in rows if row[-1].end_s < alarm.begin_s), None)
        if free is None and len(rows) < ROWS:
            rows.append(free := [])
        (rows[-1] if free is None else free).append(alarm)
    return tuple(found.items())


def lane_height(lane: Lane) -> float:
    """Height of a lane with its caption, in user units."""
    return _CAPTION + _ROW * len(lane[1])


def draw_lane(lane: Lane, scale: Scale, top: float) -> Iterator[Markup]:
    """One lane: its caption, and a bar for each finding."""
    name, rows = lane
    layout = scale.layout
    yield Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
        layout.left, layout.width - layout.right, top, top
    )
    yield Markup('<text class="panel" x="{:.1f}" y="{:.1f}">{}</text>').format(layout.left + 6, top + 11, name)
    for index, row in enumerate(rows):
        y = top + _CAPTION + index * _ROW
        for alarm in row:
            x = min(scale.x(alarm.begin_s), layout.width - layout.right - _NARROWEST)
            width = max(scale.x(alarm.end_s) - x, _NARROWEST)
            kind = "blind" if alarm.finding.effect is Effect.BLIND else alarm.finding.severity.name.lower()
            yield Markup(
                '<rect class="alarm {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:g}" rx="2">'
                "<title>{:.1f} s to {:.1f} s: {}</title></rect>"
            ).format(kind, x, y, width, _BAR, alarm.begin_s, alarm.end_s, alarm.finding.text)


def _label(text: str, x: float, y: float) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(x, y, text)
