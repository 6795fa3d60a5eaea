"""Who chooses among the chunks of one decision: a judge, an oracle, or chance."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.steering.scorer import CandidateScorer

ORACLE, RANDOM, POLICY = "oracle", "random", "policy"
"""Names of those that are no judges: the simulator's own measure, chance, and the policy's own first chunk."""

DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What is to be chosen from; what is not needed is not made.

    Attributes:
        number: of the decision in its episode, from 0.
        seed: of the episode.
        count: how many chunks there are.
        longest: more steps than this an oracle does not count.
        steps_left: steps that the clean expert needs after a chunk, by its index; a limit beyond which nothing counts.
        request: the candidates with their predicted frames.
        evidence: what really happened.
    """

    number: int
    seed: int
    count: int
    longest: int
    steps_left: Callable[[int, int], int]
    request: Callable[[], ScoringRequest]
    evidence: Callable[[], Evidence]


@dataclass(frozen=True, slots=True)
class Pick:
    """What was chosen.

    Attributes:
        index: of the chunk.
        seconds: wall-clock seconds from the request to the answer, without those that the predictions took.
        abstained: nobody was chosen, and the policy's own first chunk is executed.
    """

    index: int
    seconds: float
    abstained: bool = False


class Chooser(Protocol):
    """Chooses one of several chunks."""

    def choose(self, decision: Decision) -> Pick:
        """Choose.

        Raises:
            JudgeError: a judge failed.
        """


class Policy:
    """Nobody chooses: the policy executes what it drew first."""

    def choose(self, decision: Decision) -> Pick:
        """The first one."""
        return Pick(0, 0.0)


class Chance:
    """Any of them."""

    def choose(self, decision: Decision) -> Pick:
        """Draw one, by the seed of the episode."""
        random = np.random.default_rng([decision.seed, decision.number, 1_000_003])
        return Pick(int(random.integers(decision.count)), 0.0)


class Oracle:
    """Knows what really comes of each chunk: the one after which the clean expert needs the fewest steps."""

    def choose(self, decision: Decision) -> Pick:
        """The best; of equals the first."""
        began_s = time.monotonic()
        best, fewest = 0, decision.longest
        for index in range(decision.count):
            # Whether another needs more steps than the best so far does not matter.
            steps = decision.steps_left(index, fewest)
            if steps < fewest:
                best, fewest = index, steps
            if fewest == 0:
                break
        return Pick(best, time.monotonic() - began_s)


class Judged:
    """Asks a judge about what is predicted.

    Args:
        scorer: asks the judge and chooses.
    """

    def __init__(self, scorer: CandidateScorer) -> None:
        self._scorer = scorer

    def choose(self, decision: Decision) -> Pick:
        """Ask about each; the first where the judge abstains."""
        evidence, request = decision.evidence(), decision.request()
        answer = self._scorer.score(request, evidence)
        index = answer.choice.index
        return Pick(0 if index is None else index, answer.latency_s, abstained=index is None)
