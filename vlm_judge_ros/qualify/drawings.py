"""What the page of a judge card draws, as SVG: intervals, and claimed against true success."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup

from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.classification import BINS
from vlm_judge_ros.qualify.wording import number

_BAR_WIDTH, _BAR_HEIGHT = 120.0, 16.0
_ROW, _LABEL, _PLOT, _MARGIN = 26.0, 130.0, 200.0, 16.0
_SIZE, _LEFT, _BOTTOM, _TOP, _RIGHT = 260.0, 44.0, 36.0, 10.0, 12.0
_LARGEST, _SMALLEST = 9.0, 3.0


def interval_bar(figure: CardFigure, ends: tuple[float, float] | None) -> Markup | None:
    """A figure and its interval on the axis of all that it can be; None where that is not known, or it is not."""
    if ends is None or figure.value is None:
        return None

    def x(value: float) -> float:
        share = (value - ends[0]) / (ends[1] - ends[0])
        return 4.0 + min(max(share, 0.0), 1.0) * (_BAR_WIDTH - 8.0)

    middle = _BAR_HEIGHT / 2
    parts = [_line("grid", 4.0, middle, _BAR_WIDTH - 4.0, middle)]
    if ends[0] < 0.0:
        parts.append(_line("grid", x(0.0), 2.0, x(0.0), _BAR_HEIGHT - 2.0))
    parts += _marked(x, figure, middle)
    label = f"{number(figure.value)} between {ends[0]:g} and {ends[1]:g}"
    return _svg(_BAR_WIDTH, _BAR_HEIGHT, label, parts)


def intervals(title: str, figures: Sequence[tuple[str, CardFigure]]) -> Markup | None:
    """Correlations below each other on one axis; None where there are none."""
    if not figures:
        return None
    height = _ROW * len(figures) + 24.0
    width = _LABEL + _PLOT + _MARGIN

    def x(value: float) -> float:
        return _LABEL + (min(max(value, -1.0), 1.0) + 1.0) / 2.0 * _PLOT

    parts: list[Markup] = []
    for level in (-1.0, -0.5, 0.0, 0.5, 1.0):
        parts.append(_line("grid", x(level), 0.0, x(level), height - 20.0))
        parts.append(_text(x(level), height - 5.0, "middle", f"{level:g}".replace("-", "\u2212")))
    for index, (name, figure) in enumerate(figures):
        y = _ROW * index + _ROW / 2
        parts.append(_text(_LABEL - 14.0, y + 4.0, "end", name.removeprefix("on ").removeprefix("of ")))
        parts += _marked(x, figure, y)
    label = f"{title}: " + ", ".join(f"{name} {number(figure.value)}" for name, figure in figures)
    return _svg(width, height, label, parts)


def reliability(claims: Sequence[tuple[float, bool]]) -> Markup | None:
    """How often what was claimed with a probability came true, in ten bins; None where nothing was claimed.

    Args:
        claims: the probability, and whether it came true.
    """
    if not claims:
        return None
    parts: list[Markup] = []
    for level in (0.0, 0.5, 1.0):
        parts.append(_line("grid", _x(0), _y(level), _x(1), _y(level)))
        parts.append(_text(_LEFT - 6, _y(level) + 4, "end", f"{level * 100:.0f} %"))
        parts.append(_text(_x(level), _SIZE - _BOTTOM + 16, "middle", f"{level * 100:.0f} %"))
    parts.append(_line("equal", _x(0), _y(0), _x(1), _y(1)))
    parts.append(_text(_SIZE - _RIGHT, _SIZE - 4, "end", "claimed probability"))
    parts.append(_text(_LEFT + 4, _TOP + 12, "start", "came true"))
    bins = list(_binned(claims))
    most = max(count for _, _, count in bins)
    for claimed, true, count in bins:
        radius = _SMALLEST + (_LARGEST - _SMALLEST) * (count / most) ** 0.5
        parts.append(
            Markup('<circle class="bin" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>').format(
                _x(claimed), _y(true), radius, f"claimed {claimed:.0%}, true {true:.0%}, n = {count}"
            )
        )
    return _svg(_SIZE, _SIZE, f"Claimed against true success of {len(claims)} episodes", parts)


def _binned(claims: Sequence[tuple[float, bool]]) -> Iterator[tuple[float, float, int]]:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for probability, true in claims:
        bins.setdefault(min(int(probability * BINS), BINS - 1), []).append((probability, true))
    for _, held in sorted(bins.items()):
        count = len(held)
        yield sum(claim for claim, _ in held) / count, sum(true for _, true in held) / count, count


def _marked(x: Callable[[float], float], figure: CardFigure, y: float) -> list[Markup]:
    parts = []
    assert figure.value is not None
    if figure.low is not None and figure.high is not None:
        parts.append(_line("interval-line", x(figure.low), y, x(figure.high), y))
    parts.append(
        Markup('<circle class="value" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
            x(figure.value), y, f"{number(figure.value)}, n = {figure.n}"
        )
    )
    return parts


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, x1, y1, x2, y2)


def _text(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _svg(width: float, height: float, label: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        width, height, label, Markup("").join(parts)
    )


def _x(share: float) -> float:
    return _LEFT + share * (_SIZE - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _SIZE - _BOTTOM - share * (_SIZE - _TOP - _BOTTOM)
