"""Scores many episodes, several at a time, each process with a judge of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import wait

from vlm_judge_ros.replay.scoring.progress import Progress
from vlm_judge_ros.replay.scoring.scorer import ScoringSettings
from vlm_judge_ros.replay.scoring.tally import Outcome, Tally
from vlm_judge_ros.replay.scoring.worker import Advanced, Failed, News, WorkerProcess
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode


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
        self._tally = Tally(episodes, progress)
        self._settings = settings
        self._progress = progress
        self._stack = stack
        self._busy: dict[WorkerProcess, str] = {}

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
        return self._tally.outcome()

    def _new_worker(self) -> WorkerProcess:
        worker = WorkerProcess(self._settings)
        self._stack.callback(worker.close)
        return worker

    def _hand_on(self, worker: WorkerProcess) -> None:
        if not self._tally.goes_on:
            return
        episode = self._tally.next_episode()
        self._busy[worker] = episode.description.key
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
        self._tally.note(key, news)
        self._hand_on(worker)

    def _lose(self, worker: WorkerProcess) -> None:
        self._tally.note(self._busy.pop(worker), Failed(worker.end_of_it()))
        if self._tally.goes_on:
            self._hand_on(self._new_worker())
