"""Two scores of each episode against each other, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

SIZE = 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 8.0, 36.0
MOST_TITLED = 200
"""Up to so many dots tell which episode they are."""


def scatter(side: str, pairs: Sequence[tuple[str, float, float]]) -> Markup:
    """Draw the pairs.

    Args:
        side: who gave the first scores.
        pairs: episode, its score by that side, and the judged one, each 0 to 1.
    """
    parts = []
    for level in (0.0, 0.5, 1.0):
        parts.append(
            Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
                _x(0), _x(1), _y(level), _y(level)
            )
        )
        parts.append(_text(_LEFT - 6, _y(level) + 4, "end", f"{level * 100:.0f} %"))
        parts.append(_text(_x(level), SIZE - _BOTTOM + 16, "middle", f"{level * 100:.0f} %"))
    parts.append(
        Markup('<line class="equal" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _x(0), _x(1), _y(0), _y(1)
        )
    )
    parts.append(_text(SIZE - _RIGHT, SIZE - 4, "end", f"progress by {side}"))
    parts.append(_text(_LEFT + 4, _TOP + 12, "start", "judged"))
    if len(pairs) <= MOST_TITLED:
        for episode, score, judged in pairs:
            parts.append(
                Markup(
                    '<path class="pair" d="M{:.1f} {:.1f}h0"><title>{}: {:.0f} %, judged {:.0f} %</title></path>'
                ).format(_x(score), _y(judged), episode, score * 100, judged * 100)
            )
    else:
        drawn = "".join(f"M{_x(score):.1f} {_y(judged):.1f}h0" for _, score, judged in pairs)
        parts.append(Markup('<path class="pair" d="{}"/>').format(drawn))
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        SIZE, SIZE, f"Judged progress of {len(pairs)} episodes against that by {side}", Markup("").join(parts)
    )


def _text(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _x(share: float) -> float:
    return _LEFT + share * (SIZE - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return SIZE - _BOTTOM - share * (SIZE - _TOP - _BOTTOM)
