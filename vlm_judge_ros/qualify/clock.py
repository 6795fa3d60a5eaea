"""A clock in the place of a judge: what anybody gets who never looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.replay.labels.figure import Floats


@dataclass(frozen=True, slots=True)
class Clock:
    """Progress by the time that has passed alone: 0 at the start, 1 from `length_s` on."""

    length_s: float

    def progress(self, times_s: Floats) -> Floats:
        """What it says at these seconds from the start."""
        return np.clip(times_s / self.length_s, 0.0, 1.0)


def clocks(episodes: Sequence[QualifiedEpisode]) -> list[Clock | None]:
    """The clock for each episode: as long as the median success of its task, or of all tasks where it has none.

    The length of a success is the time until the task was complete, or else of the whole episode. None where there is
    no success at all.
    """
    lengths: dict[str, list[float]] = {}
    for episode in episodes:
        if episode.success:
            length_s = episode.trace.duration_s if episode.completed_s is None else episode.completed_s
            if length_s > 0.0:
                lengths.setdefault(episode.task, []).append(length_s)
    if not lengths:
        return [None] * len(episodes)
    of_all = Clock(float(np.median([length_s for task in lengths.values() for length_s in task])))
    of_task = {task: Clock(float(np.median(found))) for task, found in lengths.items()}
    return [of_task.get(episode.task, of_all) for episode in episodes]
