"""All figures of a judge card over some episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.meaning import MEANINGS
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode


def figures(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, CardFigure]:
    """Compute all figures, by name; their meanings are in `MEANINGS`, in the same order.

    Every figure has its 95 % interval and what it rests on, or says why it has none. The same episodes give the same
    figures in any order.
    """
    return {name: CardFigure(value=None, n=0, reason="it is not computed yet") for name in MEANINGS}
