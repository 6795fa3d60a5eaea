"""From episodes to success rates, and to the share of what an oracle gains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.closed_loop.choosers import ORACLE, POLICY
from vlm_judge_ros.closed_loop.records import EpisodeRecord
from vlm_judge_ros.replay.labels.figure import Figure, figure, share, wilson_interval

ALL_TASKS = "all"


@dataclass(frozen=True, slots=True)
class Cell:
    """All episodes of one task, judge and K.

    Attributes:
        task: its name; `all` for those of all tasks.
        judge: who chose.
        k: chunks for each decision.
        episodes: how many there are.
        success_rate: share that succeeded.
        low: lower end of its 95 % interval after Wilson.
        high: upper end.
        seconds_per_decision: mean wall-clock seconds from request to answer.
        abstained: share of decisions in which the judge chose nobody.
        oracle_share: how much of what the oracle gains over K = 1 the judge gains, on the seeds that all three played,
            with the interval over drawn episodes.
    """

    task: str
    judge: str
    k: int
    episodes: int
    success_rate: float
    low: float
    high: float
    seconds_per_decision: float
    abstained: float
    oracle_share: Figure

    def row(self) -> dict[str, object]:
        """For programs; what is not known is None."""
        return {
            "task": self.task,
            "judge": self.judge,
            "k": self.k,
            "episodes": self.episodes,
            "success_rate": self.success_rate,
            "low": self.low,
            "high": self.high,
            "seconds_per_decision": None if math.isnan(self.seconds_per_decision) else self.seconds_per_decision,
            "abstained": self.abstained,
            "oracle_share": self.oracle_share.value,
            "oracle_share_low": self.oracle_share.low,
            "oracle_share_high": self.oracle_share.high,
        }


def cells(records: Iterable[EpisodeRecord]) -> list[Cell]:
    """Sum up: of each task K = 1 first, then each judge by K; at the end the same over all tasks."""
    records = list(records)
    tasks = list(dict.fromkeys(record.task for record in records))
    found = [cell for task in tasks for cell in _of_task(task, [one for one in records if one.task == task])]
    return found + (_of_task(ALL_TASKS, records) if len(tasks) > 1 else [])


def _of_task(task: str, records: Sequence[EpisodeRecord]) -> list[Cell]:
    by_kind: dict[tuple[str, int], list[EpisodeRecord]] = {}
    for record in records:
        by_kind.setdefault((record.judge, record.k), []).append(record)
    judges = list(dict.fromkeys(record.judge for record in records))
    order = sorted(by_kind, key=lambda kind: (kind[0] != POLICY, judges.index(kind[0]), kind[1]))
    return [_cell(task, kind, by_kind) for kind in order]


def _cell(task: str, kind: tuple[str, int], by_kind: dict[tuple[str, int], list[EpisodeRecord]]) -> Cell:
    judge, k = kind
    own = by_kind[kind]
    hits, decisions = sum(record.success for record in own), sum(record.decisions for record in own)
    low, high = wilson_interval(hits, len(own))
    gained = oracle_share(own, by_kind.get((POLICY, 1), []), by_kind.get((ORACLE, k), []))
    return Cell(
        task=task,
        judge=judge,
        k=k,
        episodes=len(own),
        success_rate=hits / len(own),
        low=low,
        high=high,
        seconds_per_decision=sum(record.seconds for record in own) / decisions if k > 1 else math.nan,
        abstained=sum(record.abstained for record in own) / decisions,
        oracle_share=gained if judge not in (POLICY, ORACLE) else Figure(None, None, None, 0, "it is the measure"),
    )


def oracle_share(
    judged: Sequence[EpisodeRecord], alone: Sequence[EpisodeRecord], oracle: Sequence[EpisodeRecord]
) -> Figure:
    """(judge - K = 1) / (oracle - K = 1), over the episodes that all three played.

    Args:
        judged: episodes in which the judge chose.
        alone: those of the policy without a judge.
        oracle: those in which the oracle chose among as many chunks.
    """
    succeeded: list[dict[tuple[str, int], bool]] = [
        {(record.task, record.seed): record.success for record in records} for records in (judged, alone, oracle)
    ]
    shared = sorted(set(succeeded[0]) & set(succeeded[1]) & set(succeeded[2]))
    values = np.array([[one[key] for key in shared] for one in succeeded], dtype=np.float64)

    def gained(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        chosen, policy, best = (counts @ row for row in values)
        return share(chosen - policy, best - policy)

    return figure(gained, len(shared), undefined="the oracle gains nothing")
