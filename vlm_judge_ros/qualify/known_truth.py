"""What is known to be true of an episode, from the recording or from people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.labels.people import PeopleSay
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.replay.truth import EpisodeTruth

COMPLETE = 0.999
"""From this true progress on, a task is complete; a little less than 1, as some recorders write 32-bit numbers."""


@dataclass(frozen=True, slots=True)
class KnownTruth:
    """What is known; None where nobody knows. Attributes as of `QualifiedEpisode`."""

    score: float | None = None
    success: bool | None = None
    failure_mode: FailureMode | None = None
    onset_s: float | None = None
    completed_s: float | None = None

    @property
    def anything(self) -> bool:
        """Whether anything is known."""
        return any(value is not None for value in (self.score, self.success, self.failure_mode, self.onset_s))


def known_truth(truth: EpisodeTruth | None, true_progress: Curve, people: PeopleSay | None = None) -> KnownTruth:
    """Put together what is known.

    People go before the recording, in each of two parts as a whole: how far the task came; and how it ended, with mode
    and onset of the failure.

    Args:
        truth: what was recorded; None where nothing was.
        true_progress: what was recorded; empty where nothing was.
        people: what they say; None where they say nothing.
    """
    score = people.score if people is not None else None
    if score is None:
        score = _last(true_progress)
    course = zip(true_progress.times_s, true_progress.values, strict=True)
    completed_s = next((time_s for time_s, value in course if value >= COMPLETE), None)
    if people is not None and (people.success is not None or people.failure_mode is not None):
        success = people.success
        if success is None and people.failure_mode is not None:
            success = people.failure_mode is FailureMode.NONE
        mode = FailureMode.NONE if success else people.failure_mode
        return KnownTruth(score, success, mode, None if success else people.onset_s, completed_s)
    if truth is None:
        onset_s = people.onset_s if people is not None else None
        return KnownTruth(score, onset_s=onset_s, completed_s=completed_s)
    return KnownTruth(score, truth.outcome == "success", FailureMode[truth.failure_mode], truth.onset_s, completed_s)


def _last(curve: Curve) -> float | None:
    finite = [value for value in curve.values if math.isfinite(value)]
    return min(max(finite[-1], 0.0), 1.0) if finite else None
