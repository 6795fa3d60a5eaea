"""What has become of the episodes of a run so far, and which come next; the same for every engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vlm_judge_ros.replay.scoring.progress import Progress
from vlm_judge_ros.replay.scoring.worker import Failed, Scored
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


class Tally:
    """Hands out episodes in their order and notes what became of them.

    Args:
        episodes: those that are to be scored.
        progress: told of everything.
    """

    def __init__(self, episodes: Iterable[RecordedEpisode], progress: Progress) -> None:
        self._waiting = deque(episodes)
        self._progress = progress
        self._scored: list[str] = []
        self._failed: dict[str, Failed] = {}
        self._hopeless = False

    @property
    def goes_on(self) -> bool:
        """Whether there is another episode to hand out: none where the run is hopeless."""
        return bool(self._waiting) and not self._hopeless

    def next_episode(self) -> RecordedEpisode:
        """Hand out the next one, where it `goes_on`."""
        episode = self._waiting.popleft()
        self._progress.begin(episode.description)
        return episode

    def note(self, key: str, news: Scored | Failed) -> None:
        """An episode that was handed out is over."""
        if isinstance(news, Scored):
            self._scored.append(key)
            self._progress.end(key, news.result)
            return
        self._failed[key] = news
        self._hopeless = self._hopeless or news.hopeless
        self._progress.end(key, f"failed. {news.reason}")

    def outcome(self) -> Outcome:
        """What has become of all of them."""
        left = tuple(episode.description.key for episode in self._waiting)
        return Outcome(tuple(self._scored), dict(self._failed), left)
