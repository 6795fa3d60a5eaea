"""Success rates over K as SVG, a panel for each task; one file that stands alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from vlm_judge_ros.closed_loop.cells import Cell
from vlm_judge_ros.closed_loop.choosers import POLICY

_WIDTH, _HEIGHT, _COLUMNS = 250.0, 190.0, 3
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 14.0, 26.0, 34.0
_LEGEND = 26.0
_APART = 5.0
"""Units by which the points of judges at one K lie side by side."""

# Told apart by people who see few colours, on white and when printed in grey by the marks' places.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")

_STYLE = """
text { font: 12px sans-serif; fill: #333 } .title { font-weight: 600 } .grid { stroke: #ddd } .axis { stroke: #999 }
.alone { stroke: #777; stroke-dasharray: 4 3 }
"""


def plot(cells: Sequence[Cell]) -> Markup:
    """Draw all cells: a point with its 95 % interval for each, and the policy alone as a broken line."""
    tasks = list(dict.fromkeys(cell.task for cell in cells))
    judges = [judge for judge in dict.fromkeys(cell.judge for cell in cells) if judge != POLICY]
    rows = math.ceil(len(tasks) / _COLUMNS)
    width, height = min(len(tasks), _COLUMNS) * _WIDTH, rows * _HEIGHT + _LEGEND
    parts: list[Markup] = [*_legend(judges)]
    for index, task in enumerate(tasks):
        x, y = index % _COLUMNS * _WIDTH, index // _COLUMNS * _HEIGHT + _LEGEND
        own = [cell for cell in cells if cell.task == task]
        parts.append(Markup('<g transform="translate({:g} {:g})">{}</g>').format(x, y, _panel(task, own, judges)))
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:g} {1:g}" width="{0:g}" height="{1:g}" role="img" '
        'aria-label="Success rate by task, judge and number of candidates"><style>{2}</style>'
        '<rect width="100%" height="100%" fill="#fff"/>{3}</svg>\n'
    ).format(width, height, Markup(_STYLE), Markup("").join(parts))


def _panel(task: str, cells: Sequence[Cell], judges: Sequence[str]) -> Markup:
    counts = sorted({cell.k for cell in cells if cell.k > 1}) or [1]
    parts = [*_axes(task, counts)]
    for cell in cells:
        if cell.judge == POLICY:
            parts.append(_line("alone", _LEFT, _y(cell.success_rate), _WIDTH - _RIGHT, _y(cell.success_rate)))
            continue
        place = judges.index(cell.judge)
        x = _x(counts.index(cell.k), len(counts)) + (place - (len(judges) - 1) / 2) * _APART * 2
        parts.append(
            Markup(
                '<g stroke="{0}" fill="{0}"><line x1="{1:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{3:.1f}"/>'
                '<circle cx="{1:.1f}" cy="{4:.1f}" r="3.2"><title>{5}, K = {6}: {7:.3f} ({8:.2f} to {9:.2f}), '
                "n = {10}</title></circle></g>"
            ).format(
                *(_colour(judges, cell.judge), x, _y(cell.low), _y(cell.high), _y(cell.success_rate), cell.judge),
                *(cell.k, cell.success_rate, cell.low, cell.high, cell.episodes),
            )
        )
    return Markup("").join(parts)


def _axes(task: str, counts: Sequence[int]) -> Iterator[Markup]:
    yield _text("title", _LEFT, 16.0, "start", task)
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield _line("grid" if level else "axis", _LEFT, _y(level), _WIDTH - _RIGHT, _y(level))
        yield _text("", _LEFT - 6.0, _y(level) + 4.0, "end", f"{level:.0%}")
    for index, count in enumerate(counts):
        yield _text("", _x(index, len(counts)), _HEIGHT - _BOTTOM + 18.0, "middle", f"K = {count}")


def _legend(judges: Sequence[str]) -> Iterator[Markup]:
    yield _line("alone", _LEFT, 14.0, _LEFT + 22.0, 14.0)
    yield _text("", _LEFT + 27.0, 18.0, "start", "K = 1")
    x = _LEFT + 80.0
    for judge in judges:
        yield Markup('<circle cx="{:g}" cy="14" r="4" fill="{}"/>').format(x, _colour(judges, judge))
        yield _text("", x + 8.0, 18.0, "start", judge)
        x += 26.0 + 7.0 * len(judge)


def _colour(judges: Sequence[str], judge: str) -> str:
    return _COLOURS[judges.index(judge) % len(_COLOURS)]


def _x(index: int, count: int) -> float:
    return _LEFT + (index + 0.5) / count * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, x1, y1, x2, y2)


def _text(kind: str, x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, text)
