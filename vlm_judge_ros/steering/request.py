"""What is asked about K candidates, and what is answered."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vlm_judge_ros.judges.opinion import JudgeProvenance
from vlm_judge_ros.steering.candidate import Candidate
from vlm_judge_ros.steering.choice import Choice
from vlm_judge_ros.steering.scored import CandidateState


@dataclass(frozen=True, slots=True, eq=False)
class ScoringRequest:
    """Which of K chunks to execute?

    Attributes:
        candidates: in the order in which the policy prefers them.
        from_ns: stamp of the moment from which the candidates continue.
        deadline_s: seconds that the caller can wait, > 0.
    """

    candidates: tuple[Candidate, ...]
    from_ns: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class CandidateAnswer:
    """What came of one candidate.

    Attributes:
        index: in the request, from 0.
        state: what is known of it.
        score: expected progress after the chunk, 0 to 1; NaN unless it was scored.
        spread: standard deviation of the score over voices; NaN for fewer than two.
        reason: one sentence; never empty.
    """

    index: int
    state: CandidateState
    score: float
    spread: float
    reason: str


@dataclass(frozen=True, slots=True)
class ScoringAnswer:
    """What came of all candidates.

    Attributes:
        candidates: one for each, in the order of the request.
        choice: which one to execute.
        provenance: which judge scored them.
        latency_s: wall-clock seconds from request to answer.
        stopped: the robot is not to go on; nothing is to be executed, not even what the policy itself prefers.
    """

    candidates: tuple[CandidateAnswer, ...]
    choice: Choice
    provenance: JudgeProvenance
    latency_s: float = math.nan
    stopped: bool = False
