"""Scores many episodes on a Ray cluster; what comes of them, and of interruptions, is as on one machine."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.scoring.progress import Progress
from vlm_judge_ros.replay.scoring.scorer import ScoringSettings
from vlm_judge_ros.replay.scoring.tally import Outcome, Tally
from vlm_judge_ros.replay.scoring.worker import Attempts, Failed, Scored
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode

ADDRESS = "RAY_ADDRESS"


def score_on_ray(
    episodes: Sequence[RecordedEpisode], settings: ScoringSettings, jobs: int | None, progress: Progress
) -> Outcome:
    """Score all episodes on the cluster that `RAY_ADDRESS` names, or on this machine where it names none.

    Args:
        episodes: those that are not finished yet.
        settings: how they are scored; every machine of the cluster sees its folder and the recordings.
        jobs: how many at once; None for as many as the cluster has processors.
        progress: told of everything.

    Raises:
        JudgeError: Ray is not installed, or there is no such cluster.
    """
    if not episodes:
        return Outcome((), {})
    with _connected(jobs) as ray:
        processors = int(ray.cluster_resources().get("CPU", 1))
        return _RayRun(ray, episodes, settings, progress).run(min(jobs or max(1, processors), len(episodes)))


class RemoteScorer:
    """Scores episodes on one machine of the cluster.

    Args:
        settings: how episodes are scored.
    """

    def __init__(self, settings: ScoringSettings) -> None:
        self._folder = settings.folder
        self._attempts = Attempts(settings)

    def score(self, episode: RecordedEpisode) -> Scored | Failed:
        """Score an episode; its folder lies among the results then."""
        if not self._folder.is_dir():
            return Failed(
                f"The folder {self._folder} is not there on {os.uname().nodename}; choose one with --out that all "
                "machines of the cluster share.",
                hopeless=True,
            )
        return self._attempts.score(episode)


class _RayRun:
    def __init__(
        self, ray: Any, episodes: Sequence[RecordedEpisode], settings: ScoringSettings, progress: Progress
    ) -> None:
        self._ray = ray
        self._tally = Tally(episodes, progress)
        self._settings = settings
        # What is under way, by the reference to its result: who works, and on which episode.
        self._busy: dict[Any, tuple[Any, str]] = {}

    def run(self, jobs: int) -> Outcome:
        for _ in range(jobs):
            self._hand_on(self._new_scorer())
        while self._busy:
            done, _ = self._ray.wait(list(self._busy), num_returns=1)
            for reference in done:
                self._take(reference)
        return self._tally.outcome()

    def _new_scorer(self) -> Any:
        return self._ray.remote(num_cpus=1, max_restarts=0)(RemoteScorer).remote(self._settings)

    def _hand_on(self, scorer: Any) -> None:
        if not self._tally.goes_on:
            self._ray.kill(scorer)
            return
        episode = self._tally.next_episode()
        self._busy[scorer.score.remote(episode)] = scorer, episode.description.key

    def _take(self, reference: Any) -> None:
        scorer, key = self._busy.pop(reference)
        try:
            news: Scored | Failed = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            reason = f"Its process on the cluster ended before the episode was finished ({_short(error)})."
            self._tally.note(key, Failed(reason))
            if self._tally.goes_on:
                self._hand_on(self._new_scorer())
            return
        self._tally.note(key, news)
        self._hand_on(scorer)


@contextmanager
def _connected(jobs: int | None) -> Iterator[Any]:
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise JudgeError(
            "--engine ray needs Ray, which is not installed; install it with pip install 'vlm_judge_ros[ray]'."
        ) from error
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get(ADDRESS)
    with _signals_kept():
        try:
            if address:
                ray.init(**quiet)
            else:
                ray.init(num_cpus=jobs, include_dashboard=False, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = f"at {ADDRESS} {address}" if address else "on this machine"
            raise JudgeError(f"There is no Ray {where} ({_short(error)}); start one, or leave out --engine.") from error
    try:
        yield ray
    finally:
        # Whatever is under way there ends with the connection; unfinished folders are removed by the next run.
        ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep what the command does at SIGTERM, for which Ray has another use."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__
