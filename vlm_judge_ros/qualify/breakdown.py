"""The figures of a judge card for parts of the episodes, and which failure mode was taken for which."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.failure import recognised_mode
from vlm_judge_ros.qualify.figures import figures, measures
from vlm_judge_ros.qualify.measure import card_figure
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.qualify.success import success

OF_ONE_FAILURE_MODE = (
    "success_auroc",
    "success_accuracy",
    "verdict_accuracy",
    "failure_recall",
    "onset_delay_s",
    "found_within_2_s",
    "alarm_before_onset",
    "failure_mode_accuracy",
    "mae",
    "optimism",
    "early_completion",
    "declined",
    "unknown",
    "unknown_when_wrong",
)
"""The figures that say something where all episodes are failures; `success_auroc` is against all successes."""

_Part = TypeVar("_Part", bound=Hashable)


def per_task(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Mapping[str, CardFigure]]:
    """All figures for each task, by its name."""
    return {task: figures(part) for task, part in sorted(_parts(episodes, lambda episode: episode.task).items())}


def per_camera_set(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Mapping[str, CardFigure]]:
    """All figures for each set of cameras, by their names in alphabetical order, joined by `+`."""
    parts = _parts(episodes, lambda episode: "+".join(sorted(episode.cameras)))
    return {cameras: figures(part) for cameras, part in sorted(parts.items())}


def per_failure_mode(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Mapping[str, CardFigure]]:
    """The figures `OF_ONE_FAILURE_MODE` for the failures of each mode, by its name."""
    successes = [episode for episode in episodes if episode.success]
    failures = [episode for episode in episodes if episode.success is False]
    parts = _parts(failures, _mode)
    return {mode.name: _of_failures(parts[mode], successes) for mode in sorted(parts)}


def confusion(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Mapping[str, int]]:
    """How often each true failure mode was first recognised as each mode, by their names; what never was is left out.

    A true NONE is a success, a judged NONE an episode that was never FAILED; UNKNOWN is a failure of unknown mode.
    """
    counts: dict[FailureMode, dict[FailureMode, int]] = {}
    for episode in episodes:
        if episode.success is None:
            continue
        row = counts.setdefault(FailureMode.NONE if episode.success else _mode(episode), {})
        judged = recognised_mode(episode) or FailureMode.NONE
        row[judged] = row.get(judged, 0) + 1
    return {
        true.name: {judged.name: counts[true][judged] for judged in sorted(counts[true])} for true in sorted(counts)
    }


def _mode(episode: QualifiedEpisode) -> FailureMode:
    return episode.failure_mode or FailureMode.UNKNOWN


def _parts(
    episodes: Sequence[QualifiedEpisode], part_of: Callable[[QualifiedEpisode], _Part]
) -> dict[_Part, list[QualifiedEpisode]]:
    parts: dict[_Part, list[QualifiedEpisode]] = {}
    for episode in episodes:
        parts.setdefault(part_of(episode), []).append(episode)
    return parts


def _of_failures(
    failures: Sequence[QualifiedEpisode], successes: Sequence[QualifiedEpisode]
) -> Mapping[str, CardFigure]:
    both = sorted([*failures, *successes], key=lambda episode: episode.key)
    found = {**measures(failures), "success_auroc": success(both)["success_auroc"]}
    return {name: card_figure(found[name]) for name in OF_ONE_FAILURE_MODE}
