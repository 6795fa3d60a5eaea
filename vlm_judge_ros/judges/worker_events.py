"""What a worker tells about its judge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion


class WorkerState(Enum):
    """What the process is doing."""

    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    RESTARTING = "restarting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Ready:
    """The judge is loaded and has answered a first question, after this many seconds; and how it runs, in words."""

    provenance: JudgeProvenance
    first_answer_s: float
    status: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A question was answered in time, `latency_s` seconds after it was asked."""

    opinion: Opinion
    latency_s: float


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question got no answer in time, and why; `lost` where the process ended over it, or was not there."""

    evidence: Evidence
    cause: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Down:
    """The process ended or could not be started, and why. It is started again after `retry_s` seconds."""

    cause: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class Scored:
    """One question of a scoring was answered: the number of that, the place of the question in it, and the answer."""

    scoring: int
    index: int
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class Unscored:
    """One question of a scoring has no answer, and why; the others are still asked."""

    scoring: int
    index: int
    cause: str


@dataclass(frozen=True, slots=True)
class ScoringEnded:
    """No more answers come to a scoring, and why: its deadline has passed, or it was `lost` with the process."""

    scoring: int
    cause: str
    lost: bool = False


ScoringEvent: TypeAlias = Scored | Unscored | ScoringEnded
Event: TypeAlias = Ready | Answer | Unanswered | Down | ScoringEvent
