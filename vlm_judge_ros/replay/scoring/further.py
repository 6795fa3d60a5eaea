"""What else a judge is asked about an episode while it is loaded for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, RecordedEpisode


class Further(Protocol):
    """Asks a judge more about an episode that it has just judged. Can be pickled, for other processes."""

    def passes(self, description: EpisodeDescription) -> int:
        """How often an episode is judged once more, as far as that takes time."""

    def judge(
        self, episode: RecordedEpisode, judge: EpisodeJudge, folder: Path, on_time: Callable[[float], None]
    ) -> None:
        """Judge once more, and write what comes of it.

        Args:
            episode: what was recorded.
            judge: it has judged the episode.
            folder: the unfinished folder of the episode.
            on_time: called with the seconds that have been judged, of all passes together.

        Raises:
            JudgeError: as when an episode is judged; its folder is not kept then.
            OSError: something cannot be written.
        """
