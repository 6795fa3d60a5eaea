"""Which confirmed failures stand."""

from __future__ import annotations

from dataclasses import replace

from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.safety.cause import Cause, Reason
from vlm_judge_ros.safety.heartbeat import FailureNews, Heartbeat

# Heartbeats and failure events come on two topics, each of which keeps its own order only. Of the heartbeats the newest
# is kept, so after an event at most one can still arrive that was sent before it.
_BEATS_WITHOUT = 2
_MOST = 64


class Failures:
    """The failures that are confirmed and severe enough, as failure events and heartbeats tell of them.

    Either is enough to make a failure stand. It ends with the event that says so, or, where that was lost, with the
    second heartbeat that tells of no such failure or of another episode.
    """

    def __init__(self, stop_severity: Severity) -> None:
        self._stop_severity = stop_severity
        self._open: dict[tuple[str, int], FailureNews] = {}
        self._missing: dict[tuple[str, int], int] = {}
        self._count = -1

    def add(self, news: FailureNews) -> None:
        """Take a failure event, of whichever episode: one of the next may overtake the first heartbeat of it."""
        key = (news.episode_id, news.event_id)
        if news.confirmed and news.severity >= self._stop_severity:
            self._keep(key, news)
        else:
            self._drop(key)

    def add_heartbeat(self, beat: Heartbeat) -> None:
        """Take what a heartbeat repeats."""
        worst = beat.failure
        if worst is not None and worst.severity < self._stop_severity:
            worst = None
        repeated, self._count = beat.count == self._count, beat.count
        for key in [*self._open]:
            if repeated:
                break  # It tells nothing new, so nothing has ended by it.
            # The heartbeat tells of the worst only: others of the same episode may stand beside it.
            if worst is None or key[0] != beat.episode_id:
                self._missing[key] += 1
                if self._missing[key] >= _BEATS_WITHOUT:
                    self._drop(key)
            else:
                self._missing[key] = 0
        if worst is not None:
            self._keep((worst.episode_id, worst.event_id), replace(worst, confirmed=True))

    def standing(self) -> tuple[Reason, ...]:
        """The failures that stand, the worst first."""
        worst_first = sorted(self._open.values(), key=lambda news: (-news.severity, news.episode_id, news.event_id))
        return tuple(Reason(Cause.FAILURE, news.mode.name, _sentence(news)) for news in worst_first)

    def _keep(self, key: tuple[str, int], news: FailureNews) -> None:
        if key not in self._open and len(self._open) >= _MOST:
            self._drop(next(iter(self._open)))
        self._open[key] = news
        self._missing[key] = 0

    def _drop(self, key: tuple[str, int]) -> None:
        self._open.pop(key, None)
        self._missing.pop(key, None)


def _sentence(news: FailureNews) -> str:
    what = f"Failure {news.mode.name} ({news.severity.name}) is confirmed in episode {news.episode_id}"
    return f"{what}: {news.text}" if news.text else f"{what}."
