"""Judges all episodes that are not finished yet, on this machine or on a cluster."""

from __future__ import annotations

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.scoring.progress import Progress
from vlm_judge_ros.replay.scoring.ray_engine import score_on_ray
from vlm_judge_ros.replay.scoring.result_folder import ResultFolder
from vlm_judge_ros.replay.scoring.run import score_all
from vlm_judge_ros.replay.scoring.run_result import FailedEpisode, RunResult
from vlm_judge_ros.replay.scoring.scorer import ScoringSettings
from vlm_judge_ros.replay.sources.find import Found
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode


def judge_found(
    found: Found, results: ResultFolder, settings: ScoringSettings, jobs: int | None, engine: str
) -> RunResult:
    """Judge what was found and is not among the results yet.

    Args:
        found: the episodes.
        results: where they go.
        settings: how they are scored.
        jobs: how many at once; None leaves it to the engine.
        engine: `local` or `ray`.

    Raises:
        JudgeError: none can be judged.
    """
    failed = [FailedEpisode(episode="", origin=one.origin, reason=one.reason) for one in found.unreadable]
    before: list[str] = []
    waiting: dict[str, RecordedEpisode] = {}
    for episode in found.episodes:
        described = episode.description
        try:
            if results.is_finished(described):
                before.append(described.key)
            else:
                waiting[described.key] = episode
        except JudgeError as error:
            failed.append(FailedEpisode(episode=described.key, origin=described.origin, reason=str(error)))
    with Progress(episode.description for episode in waiting.values()) as progress:
        score = score_on_ray if engine == "ray" else score_all
        outcome = score(list(waiting.values()), settings, jobs, progress)
    for key, failure in outcome.failed.items():
        origin = waiting[key].description.origin
        failed.append(FailedEpisode(episode=key, origin=origin, reason=failure.reason, detail=failure.detail))
    return RunResult(
        folder=str(results.path.resolve()),
        scored=outcome.scored,
        finished_before=tuple(before),
        failed=tuple(failed),
        left=outcome.left,
    )
