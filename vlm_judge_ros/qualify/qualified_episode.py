"""One episode with what a judge made of it and what is true of it: everything that qualification looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.trace import Answer, Curve, EpisodeTrace


class Control(Enum):
    """A way of showing an episode in which a judge that looks has to answer otherwise than one that guesses.

    STATIC shows one moment again and again, REVERSED the episode from its end, SHUFFLED its pictures in random order,
    each at the stamps of the episode; WRONG_TASK the episode itself under the instruction of another task.
    """

    STATIC = "static"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"
    WRONG_TASK = "wrong_task"


@dataclass(frozen=True, slots=True)
class QualifiedEpisode:
    """One judged episode of which something is known. None: nobody knows.

    Attributes:
        key: of the episode, unique within one qualification.
        task: name of the task, the same whatever the wording; only episodes of one task are compared with each other.
        trace: what was judged.
        score: how far the task came, 0 to 1, as people or a simulator say.
        success: whether the task was done at the end.
        failure_mode: the way in which it failed; NONE for a success.
        onset_s: seconds from the start of the episode to the start of the failure; None for a success.
        completed_s: seconds from the start to the first moment at which the task was complete; None where it never was.
        true_progress: how far it really was, over time; empty where nobody knows.
        controls: what the judge answered to each control that was shown.
        preferred: keys of the episodes that people compared it with: 1 where it is better, -1 where worse, 0 for a tie.
    """

    key: str
    task: str
    trace: EpisodeTrace
    score: float | None = None
    success: bool | None = None
    failure_mode: FailureMode | None = None
    onset_s: float | None = None
    completed_s: float | None = None
    true_progress: Curve = field(default_factory=Curve)
    controls: Mapping[Control, tuple[Answer, ...]] = field(default_factory=dict)
    preferred: Mapping[str, float] = field(default_factory=dict)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that the judge was shown, in order."""
        return self.trace.cameras
