"""What a judge answers, and the protocol that every judge follows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, runtime_checkable

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.models.cost import Cost
from vlm_judge_ros.models.model import Model


@dataclass(frozen=True, slots=True)
class JudgeProvenance:
    """Which instrument gave an opinion; see `vlm_judge_ros/msg/Provenance` for the meaning of each field."""

    model: str
    model_hash: str
    provider: str
    method: str
    prompt_set: str = ""
    prompt_hash: str = ""
    calibration: str = ""
    judge_card: str = ""
    seed: int = -1

    @classmethod
    def of(
        cls, model: Model, method: str, prompt_set: str, prompt_hash: str, calibration: str = "", seed: int = -1
    ) -> JudgeProvenance:
        """A method that asks a model in the words of a prompt."""
        return cls(
            model=model.name,
            model_hash=model.file_hash,
            provider=model.provider,
            method=method,
            prompt_set=prompt_set,
            prompt_hash=prompt_hash,
            calibration=calibration,
            seed=seed,
        )


class SubtaskState(IntEnum):
    """How a step of a task stands; values equal the constants `STATE_*` of `vlm_judge_ros/msg/Subtask`."""

    UNKNOWN = 0
    PENDING = 1
    ACTIVE = 2
    DONE = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class SubtaskOpinion:
    """What a judge makes of one step of the task.

    Attributes:
        name: what is to be done, in words.
        weight: share of the whole task, 0 to 1; those of a task add up to 1.
        progress: 0 to 1; NaN where it cannot say.
        state: how it stands.
    """

    name: str
    weight: float
    progress: float = math.nan
    state: SubtaskState = SubtaskState.UNKNOWN


@dataclass(frozen=True, slots=True)
class Critique:
    """How well the robot moves, and what to mend first.

    Attributes:
        smoothness: 0 (jerky) to 1; NaN where it cannot say, as for the others.
        efficiency: 0 (many detours) to 1.
        safety: 0 (dangerous) to 1.
        advice: the one issue that a designer of rewards should mend first, one sentence; empty for none.
        camera: the camera that shows it; empty for none.
        at_s: when it shows, seconds from the start of the episode; NaN for none.
    """

    smoothness: float = math.nan
    efficiency: float = math.nan
    safety: float = math.nan
    advice: str = ""
    camera: str = ""
    at_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge makes of one piece of evidence.

    A judge that cannot say leaves progress and the probabilities NaN and gives the reason; it never guesses.

    Attributes:
        evidence: what it was shown.
        provenance: which judge it was.
        progress: 0 to 1, absolute; NaN where it cannot say.
        success_probability: that the task is complete now; NaN where it cannot say.
        failure_probability: that the episode is failing now; NaN where it cannot say.
        failure_mode: the most likely mode if it is failing.
        mode_probabilities: probability of each failure mode, given that it fails; empty where the judge has none.
        novelty: distance of the scene from what the judge knows; above 1 it declines. NaN where it has no such measure.
        raw_score: the method's score before calibration; NaN where it has none.
        raw_score_bound: an upper bound of the raw score, where only that is known; progress is not known then.
        progress_low: lower end of an interval around progress; NaN where there is none.
        progress_high: upper end of that interval; NaN where there is none.
        calibrated: progress and probabilities come from a calibration that was fitted on labelled episodes.
        band_score: how far the answer lies outside what successful episodes show, where a calibration has a band for
            that; outside it is above `band_limit`. NaN where there is none.
        band_limit: what `band_score` is held against.
        reason: one sentence: why it cannot say, or what it saw.
        unparsable: the model answered, and what it wrote cannot be read. Progress is not known, then.
        subtasks: steps of the task; empty where the method does not judge them.
        critique: how well the robot moves; None where the method does not say.
        curve: stamp in nanoseconds and raw progress of every moment that was judged, oldest first; empty where a method
            judges the newest alone.
        cost: what the answers of a server cost on which it rests; whoever asks the judge fills it in.
    """

    evidence: Evidence
    provenance: JudgeProvenance
    progress: float = math.nan
    success_probability: float = math.nan
    failure_probability: float = math.nan
    failure_mode: FailureMode = FailureMode.NONE
    mode_probabilities: dict[FailureMode, float] = field(default_factory=dict)
    novelty: float = math.nan
    raw_score: float = math.nan
    raw_score_bound: float = math.nan
    progress_low: float = math.nan
    progress_high: float = math.nan
    calibrated: bool = False
    band_score: float = math.nan
    band_limit: float = math.nan
    reason: str = ""
    unparsable: bool = False
    subtasks: tuple[SubtaskOpinion, ...] = ()
    critique: Critique | None = None
    curve: tuple[tuple[int, float], ...] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def declined(self) -> bool:
        """True where the judge could not say how far the task is."""
        return math.isnan(self.progress)


class Judge(Protocol):
    """Answers one question at a time. May take long; never called from a thread that receives messages."""

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge the evidence.

        The answer depends on nothing but the evidence: the same frames give the same opinion.

        Raises:
            JudgeError: the model failed; the message names the cause.
        """


@runtime_checkable
class Cancellable(Protocol):
    """A judge that can be told that nobody waits for its answer any more."""

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as it can.

        Safe from any thread and any number of times; nothing happens where none runs.
        """


@runtime_checkable
class Reporting(Protocol):
    """A judge that tells how its model runs, for example that it had to fall back to a slower way."""

    @property
    def status(self) -> str:
        """One sentence for a person."""
