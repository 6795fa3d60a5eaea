"""All figures of a judge card over some episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.answering import answering
from vlm_judge_ros.qualify.failure import failure
from vlm_judge_ros.qualify.meaning import MEANINGS
from vlm_judge_ros.qualify.measure import Measure, card_figure
from vlm_judge_ros.qualify.order import order
from vlm_judge_ros.qualify.progress import progress
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.qualify.scored import scored
from vlm_judge_ros.qualify.success import success


def figures(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, CardFigure]:
    """Compute all figures, by name; their meanings are in `MEANINGS`, in the same order.

    Every figure has its 95 % interval and what it rests on, or says why it has none. The same episodes give the same
    figures in any order.
    """
    return {name: card_figure(measure) for name, measure in measures(episodes).items()}


def measures(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """All figures before they are computed, by name, in the order of `MEANINGS`; their episodes are those by key."""
    by_key = sorted(episodes, key=lambda episode: episode.key)
    found = {
        **order(by_key),
        **success(by_key),
        **failure(by_key),
        **scored(by_key),
        **progress(by_key),
        **answering(by_key),
    }
    return {name: found[name] for name in MEANINGS}
