"""Made-up qualified episodes for tests of what a judge is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.qualify.qualified_episode import Control, QualifiedEpisode
from vlm_judge_ros.replay.trace import Answer, Curve, EpisodeTrace, Ruling
from vlm_judge_ros.verdict.verdict import State

DURATION_S = 10.0


def answers(
    progress: Sequence[float], probability: float = math.nan, latency_s: float = 0.1, tokens: float = math.nan
) -> tuple[Answer, ...]:
    """One answer a second from the first second on; a token that is read costs a thousandth."""
    return tuple(
        Answer(
            float(second),
            progress=value,
            success_probability=probability,
            latency_s=latency_s,
            input_tokens=tokens,
            output_tokens=tokens / 10.0,
            money=tokens / 1000.0,
        )
        for second, value in enumerate(progress, start=1)
    )


def episode(
    key: str,
    success: bool | None = True,
    progress: Sequence[float] = tuple(tenth / 10 for tenth in range(1, 11)),
    probability: float = math.nan,
    states: Sequence[tuple[float, State]] = (),
    recognised: FailureMode = FailureMode.STALL,
    controls: Mapping[Control, Sequence[float]] | None = None,
    cameras: tuple[str, ...] = ("front", "wrist"),
    known_after_s: float = 0.0,
    duration_s: float = DURATION_S,
    latency_s: float = 0.1,
    final_progress: float | None = None,
    task: str = "push",
    score: float | None = None,
    failure_mode: FailureMode | None = None,
    onset_s: float | None = None,
    completed_s: float | None = None,
    true_progress: Curve | None = None,
    preferred: Mapping[str, float] | None = None,
    tokens: float = math.nan,
) -> QualifiedEpisode:
    """An episode with an answer each second, and a ruling wherever the state changes."""
    given = answers(progress, probability, latency_s, tokens)
    last = given[-1].progress if final_progress is None and given else final_progress
    rulings = tuple(
        Ruling(
            time_s=time_s,
            known_s=time_s + known_after_s,
            state=state,
            progress=math.nan if last is None else last,
            failure_mode=recognised if state is State.FAILED else FailureMode.NONE,
            onset_s=None,
            reason="made up",
        )
        for time_s, state in states
    )
    return QualifiedEpisode(
        key=key,
        task=task,
        trace=EpisodeTrace(
            name=key,
            task=f"do {task}",
            started_ns=0,
            duration_s=duration_s,
            cameras=cameras,
            answers=given,
            rulings=rulings,
        ),
        score=score,
        success=success,
        failure_mode=failure_mode,
        onset_s=onset_s,
        completed_s=completed_s,
        true_progress=Curve() if true_progress is None else true_progress,
        controls={control: answers(shown) for control, shown in (controls or {}).items()},
        preferred=preferred or {},
    )


def many(count: int, seed: int = 0, tasks: int = 10) -> list[QualifiedEpisode]:
    """Episodes of a judge that is neither perfect nor blind, every second one a failure."""
    random = np.random.default_rng(seed)
    found = []
    for index in range(count):
        good = index % 2 == 0
        true = np.linspace(0.1, 1.0 if good else random.uniform(0.2, 0.7), 10)
        said = np.clip(true + random.normal(0.0, 0.1, 10), 0.0, 1.0)
        said[random.random(10) < 0.05] = np.nan
        alarm = random.random() < (0.1 if good else 0.8)
        states = [(0.5, State.PROGRESSING)]
        if alarm:
            states.append((float(random.uniform(4.0, 9.0)), State.FAILED))
        elif random.random() < (0.9 if good else 0.1):
            states.append((float(random.uniform(7.0, 10.0)), State.SUCCEEDED))
        elif random.random() < 0.5:
            states.append((9.5, State.UNKNOWN))
        modes = [FailureMode.STALL, FailureMode.OBJECT_DROPPED, FailureMode.GRASP_MISSED]
        found.append(
            episode(
                f"e{index:05d}",
                success=good,
                progress=said.tolist(),
                probability=float(np.clip(random.normal(0.7 if good else 0.3, 0.2), 0.0, 1.0)),
                states=states,
                recognised=modes[int(random.integers(3))],
                controls={
                    Control.STATIC: np.clip(0.5 + random.normal(0.0, 0.02, 10), 0.0, 1.0).tolist(),
                    Control.REVERSED: said[::-1].tolist(),
                    Control.SHUFFLED: random.permutation(said).tolist(),
                    Control.WRONG_TASK: (said * 0.3).tolist(),
                },
                final_progress=float(random.random()) if np.isnan(said[-1]) else None,
                task=f"task {index % tasks}",
                score=round(float(true[-1]), 1),
                failure_mode=FailureMode.NONE if good else modes[int(random.integers(3))],
                onset_s=None if good else float(random.uniform(2.0, 7.0)),
                completed_s=9.0 if good else None,
                true_progress=Curve(tuple(np.arange(1.0, 11.0)), tuple(true)),
                latency_s=float(random.uniform(0.1, 0.3)),
                cameras=("front", "wrist") if index % 3 else ("front",),
                preferred={f"e{index + tasks:05d}": 1.0 if index % 4 else -1.0} if index + tasks < count else {},
                tokens=100.0 + index,
            )
        )
    return found
