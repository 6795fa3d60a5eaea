"""Scores many episodes, several at a time, each process with a judge of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import wait

from vlm_judge_ros.replay.scoring.progress import Progress
from vlm_judge_ros.replay.scoring.scorer import ScoringSettings
from vlm_judge_ros.replay.scoring.worker import Advanced, Failed, News, Scored, WorkerProcess
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the episodes, by key.

    Attributes:
        scored: those that have a folder now.
        failed: those that could not be scored.
        left: those that were not tried, because they would have failed too.
    """

    scored: tuple[str, ...]
    failed: Mapping[str, Failed]
    left: tuple[str, ...] = ()


def score_all(
    episodes: Sequence[RecordedEpisode], settings: ScoringSettings, jobs: int | None, progress: Progress
) -> Outcome:
    """Score all episodes. Whatever happens to one, the others go on.

    Args:
        episodes: those that are not finished yet.
        settings: how they are scored.
        jobs: how many at once, at least 1; None for one.
        progress: told of everything.
    """
    with ExitStack() as stack:
        return _Run(episodes, settings, progress, stack).run(min(jobs or 1, len(episodes)))


class _Run:
    def __init__(
        self,
        episodes: Sequence[RecordedEpisode],
        settings: ScoringSettings,
        progress: Progress,
        stack: ExitStack,
    ) -> None:
        self._waiting = deque(episodes)
        self._settings = settings
        self._progress = progress
        self._stack = stack
        self._busy: dict[WorkerProcess, str] = {}
        self._scored: list[str] = []
        self._failed: dict[str, Failed] = {}
        self._hopeless = False

    def run(self, jobs: int) -> Outcome:
        for _ in range(jobs):
            self._hand_on(self._new_worker())
        while self._busy:
            for connection in wait([worker.connection for worker in self._busy]):
                worker = next(worker for worker in self._busy if worker.connection is connection)
                try:
                    news = worker.news()
                except (EOFError, OSError):
                    self._lose(worker)
                else:
                    self._take(worker, news)
        return Outcome(tuple(self._scored), self._failed, tuple(episode.description.key for episode in self._waiting))

    def _new_worker(self) -> WorkerProcess:
        worker = WorkerProcess(self._settings)
        self._stack.callback(worker.close)
        return worker

    def _hand_on(self, worker: WorkerProcess) -> None:
        if not self._waiting or self._hopeless:
            return
        episode = self._waiting.popleft()
        self._busy[worker] = episode.description.key
        self._progress.begin(episode.description)
        try:
            worker.score(episode)
        except OSError:
            self._lose(worker)

    def _take(self, worker: WorkerProcess, news: News) -> None:
        key = self._busy[worker]
        if isinstance(news, Advanced):
            self._progress.advance(key, news.time_s)
            return
        del self._busy[worker]
        self._note(key, news)
        self._hand_on(worker)

    def _lose(self, worker: WorkerProcess) -> None:
        self._note(self._busy.pop(worker), Failed(worker.end_of_it()))
        if self._waiting and not self._hopeless:
            self._hand_on(self._new_worker())

    def _note(self, key: str, news: Scored | Failed) -> None:
        if isinstance(news, Scored):
            self._scored.append(key)
            self._progress.end(key, news.result)
            return
        self._failed[key] = news
        self._hopeless = self._hopeless or news.hopeless
        self._progress.end(key, f"failed. {news.reason}")
