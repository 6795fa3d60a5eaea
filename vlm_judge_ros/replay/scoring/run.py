"""Scores many episodes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.scoring.result_folder import ResultFolder
from vlm_judge_ros.replay.scoring.scorer import Scorer, ScoringSettings
from vlm_judge_ros.replay.sources.find import Found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the episodes, by key.

    Attributes:
        scored: those of this run.
        finished_before: those that were there already.
        failed: why an episode could not be scored.
    """

    scored: tuple[str, ...]
    finished_before: tuple[str, ...]
    failed: Mapping[str, str]


def score_all(found: Found, results: ResultFolder, settings: ScoringSettings, jobs: int) -> Outcome:
    """Score what is not finished yet."""
    scored: list[str] = []
    failed: dict[str, str] = {}
    before = [one.description.key for one in found.episodes if results.is_finished(one.description.key)]
    scorer = Scorer(settings)
    try:
        for episode in found.episodes:
            key = episode.description.key
            if key in before:
                continue
            try:
                trace = scorer.score(episode)
            except JudgeError as error:
                failed[key] = str(error)
            else:
                scored.append(key)
                print(f"{key}: {trace.final_state.name}", file=sys.stderr)
    finally:
        scorer.close()
    return Outcome(tuple(scored), tuple(before), failed)
