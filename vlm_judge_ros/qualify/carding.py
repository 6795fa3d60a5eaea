"""From judged episodes to the card of their judge."""

from __future__ import annotations

import re
from pathlib import Path

from vlm_judge_ros import __version__
from vlm_judge_ros.judges.card import JudgeCard
from vlm_judge_ros.qualify.breakdown import confusion, per_camera_set, per_failure_mode, per_task
from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.kept import Kept
from vlm_judge_ros.qualify.thresholds import Thresholds

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_NAME = 64


def judge_card(kept: Kept, name: str, thresholds: Thresholds) -> JudgeCard:
    """Compute everything that stands in a card."""
    episodes = kept.episodes
    found = figures(episodes)
    fit, unfit = thresholds.sentences(found, len(episodes))
    return JudgeCard(
        name=name,
        judge=kept.judge,
        runs_on=kept.runs_on,
        software_version=__version__,
        episodes=len(episodes),
        unlabelled=kept.unlabelled,
        tasks=tuple(sorted({episode.task for episode in episodes})),
        controls=kept.controls,
        figures=found,
        per_task=per_task(episodes),
        per_failure_mode=per_failure_mode(episodes),
        per_camera_set=per_camera_set(episodes),
        confusion=confusion(episodes),
        thresholds=thresholds.label,
        fit_for=fit,
        not_fit_for=unfit,
    )


def card_name(folder: Path) -> str:
    """A name for the card in a folder: that of the folder, as far as names of cards allow."""
    name = _NOT_IN_NAMES.sub("-", folder.resolve().name).lstrip("._-")[:LONGEST_NAME]
    return name or "judge-card"
