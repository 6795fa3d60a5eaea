"""Two judges side by side on the same episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.figures import measures
from vlm_judge_ros.qualify.measure import card_figure, difference
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of two judges.

    Attributes:
        first: of the first judge, on the episodes that both were shown.
        second: of the second judge on the same ones.
        difference: first minus second with its interval, for which both are drawn with the same episodes; `n` is how
            many these are.
    """

    first: CardFigure
    second: CardFigure
    difference: CardFigure


def compare(first: Sequence[QualifiedEpisode], second: Sequence[QualifiedEpisode]) -> Mapping[str, Comparison]:
    """Compare two judges by all figures, by name, on the episodes whose keys both have."""
    common = {episode.key for episode in first} & {episode.key for episode in second}
    one, two = (measures([episode for episode in episodes if episode.key in common]) for episodes in (first, second))
    return {
        name: Comparison(card_figure(one[name]), card_figure(two[name]), difference(one[name], two[name]))
        for name in one
    }
