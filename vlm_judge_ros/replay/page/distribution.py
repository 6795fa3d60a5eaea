"""How a quantity is distributed over the episodes, as SVG."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from vlm_judge_ros.replay.page.scale import round_step

WIDTH, HEIGHT = 236.0, 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 26.0, 16.0, 8.0, 34.0
_BINS = 14


def histogram(title: str, values: Mapping[str, Sequence[float]], unit: str, most: float | None = None) -> Markup:
    """Draw how often which values occur.

    Args:
        title: what is counted, for people who do not see it.
        values: kind to its values; the kinds lie over one another, the first one below.
        unit: of the values; "%" draws shares as percent.
        most: right end of the axis; None takes one that fits the values.
    """
    known = [value for kind in values.values() for value in kind]
    begin, end, step = _axis(known, most)
    count = max(1, round((end - begin) / step))
    bins = {kind: _counted(own, begin, step, count) for kind, own in values.items()}
    highest = max(1, *(sum(own[index] for own in bins.values()) for index in range(count)))
    parts: list[Markup] = [*_levels(highest)]
    for index in range(count):
        below = 0
        low, high = begin + index * step, begin + (index + 1) * step
        for kind, own in bins.items():
            if own[index]:
                y = _y(below + own[index], highest)
                parts.append(
                    Markup(
                        '<rect class="bar {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
                        "<title>{} to {}: {} {}</title></rect>"
                    ).format(
                        *(kind, _x(index / count) + 0.5, y, _x(1 / count) - _LEFT - 1.0, _y(below, highest) - y),
                        *(_told(low, unit), _told(high, unit), own[index], kind),
                    )
                )
            below += own[index]
    parts += _ticks(begin, end, unit)
    label = f"{title}: {summary(known, unit)}"
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(parts)
    )


def summary(values: Sequence[float], unit: str) -> str:
    """How many values there are, their median, and the range of the middle half where there are four or more."""
    if not values:
        return "none"
    text = f"n = {len(values)}, median {_told(statistics.median(values), unit)}"
    if len(values) < 4:
        return text
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{text}, middle half {_told(low, unit)} to {_told(high, unit)}"


def _axis(values: Sequence[float], most: float | None) -> tuple[float, float, float]:
    if most is not None:
        return 0.0, most, most / 10
    low, high = min([0.0, *values]), max([1e-3, *values])
    step = round_step(high - low, _BINS, 1.0)
    return math.floor(low / step) * step, (math.floor(high / step) + 1) * step, step


def _counted(values: Sequence[float], begin: float, step: float, count: int) -> list[int]:
    bins = [0] * count
    for value in values:
        bins[min(max(int((value - begin) / step + 1e-9), 0), count - 1)] += 1
    return bins


def _levels(highest: int) -> Iterator[Markup]:
    step = max(1, round(round_step(highest, HEIGHT - _TOP - _BOTTOM, 30)))
    for level in range(0, highest + 1, step):
        y = _y(level, highest)
        yield Markup('<line class="grid" x1="{:g}" x2="{:g}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _LEFT, WIDTH - _RIGHT, y, y
        )
        yield Markup('<text class="tick" x="{:g}" y="{:.1f}" text-anchor="end">{}</text>').format(
            _LEFT - 5, y + 4, level
        )


def _ticks(begin: float, end: float, unit: str) -> Iterator[Markup]:
    step = 0.25 if unit == "%" else round_step(end - begin, WIDTH - _LEFT - _RIGHT, 44)
    for index in range(math.ceil(begin / step - 1e-9), math.floor(end / step + 1e-9) + 1):
        value = index * step
        yield Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
            _x((value - begin) / (end - begin)), HEIGHT - _BOTTOM + 16, _told(value, unit if unit == "%" else "")
        )
    if unit != "%":
        yield Markup('<text class="tick" x="{:g}" y="{:g}" text-anchor="end">{}</text>').format(
            WIDTH - _RIGHT, HEIGHT - 3, "seconds" if unit == "s" else unit
        )


def _told(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value * 100:.0f} %"
    # As everywhere on the page, where that tells anything.
    return f"{value:.1f} s" if unit == "s" and abs(value) >= 1.0 else f"{value:.3g} {unit}".rstrip()


def _x(share: float) -> float:
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _y(count: float, highest: int) -> float:
    return HEIGHT - _BOTTOM - count / highest * (HEIGHT - _TOP - _BOTTOM)
