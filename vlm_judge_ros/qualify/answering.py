"""What a judge leaves unsaid, how long it takes, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from vlm_judge_ros.qualify.classification import quantile
from vlm_judge_ros.qualify.measure import Measure, ratio_of, share_of
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.qualify.success import right
from vlm_judge_ros.replay.trace import Answer
from vlm_judge_ros.verdict.verdict import State

_NO_LATENCY = "no answer tells how long it took"
_NO_TOKENS = "no answer tells how many tokens it took, as those of a model on board do not"
_NO_MONEY = "there is no episode whose answers all tell what they cost; that needs a server with prices in its file"


def answering(episodes: Sequence[QualifiedEpisode]) -> Mapping[str, Measure]:
    """The figures of answers not given, of their speed and of their cost."""
    answers = [each.trace.answers for each in episodes]
    declined = [float(sum(math.isnan(answer.progress) for answer in given)) if given else None for given in answers]
    unknown = [_unknown_s(each) for each in episodes]
    rows = [
        (place, answer.latency_s)
        for place, given in enumerate(answers)
        for answer in given
        if math.isfinite(answer.latency_s)
    ]
    places = np.array([place for place, _ in rows], dtype=np.intp)
    latencies = np.array([latency_s for _, latency_s in rows], dtype=np.float64)
    return {
        "declined": _share_in_episodes(
            declined,
            [float(len(given)) if given else None for given in answers],
            "there is no answer",
            n=sum(len(given) for given in answers),
        ),
        "unknown": _share_in_episodes(
            [seconds for seconds, _ in unknown], [whole for _, whole in unknown], "no episode lasts any time"
        ),
        "unknown_when_wrong": share_of(
            [each.trace.final_state is State.UNKNOWN if right(each) is False else None for each in episodes],
            "no episode of known outcome has a final state that is not right",
        ),
        "latency_s": Measure(quantile(latencies, 0.5), places, len(rows), _NO_LATENCY),
        "latency_p95_s": Measure(quantile(latencies, 0.95), places, len(rows), _NO_LATENCY),
        "input_tokens_per_answer": _tokens([[answer.input_tokens for answer in given] for given in answers]),
        "output_tokens_per_answer": _tokens([[answer.output_tokens for answer in given] for given in answers]),
        "cost_per_hour": ratio_of(
            [_money(given) for given in answers], [each.trace.duration_s / 3600.0 for each in episodes], _NO_MONEY
        ),
    }


def _tokens(told: Sequence[Sequence[float]]) -> Measure:
    """The mean over all answers that tell."""
    known = [[tokens for tokens in each if math.isfinite(tokens)] for each in told]
    return ratio_of(
        [sum(each) if each else None for each in known],
        [float(len(each)) if each else None for each in known],
        _NO_TOKENS,
        n=sum(map(len, known)),
    )


def _money(answers: Sequence[Answer]) -> float | None:
    """What an episode cost; None where that is not known of all its answers, so that no part stands for the whole."""
    total = math.fsum(answer.money for answer in answers)
    return total if answers and math.isfinite(total) else None


def _share_in_episodes(
    parts: Sequence[float | None], wholes: Sequence[float | None], undefined: str, n: int | None = None
) -> Measure:
    """A share of what the episodes consist of, so that each episode counts as one trial where all are alike."""
    return replace(ratio_of(parts, wholes, undefined, n), trials=sum(part is not None for part in parts))


def _unknown_s(episode: QualifiedEpisode) -> tuple[float, float]:
    """Seconds in which the state was UNKNOWN, and all seconds."""
    spans = episode.trace.spans
    if not spans:
        return episode.trace.duration_s, episode.trace.duration_s
    unknown_s = sum(span.end_s - span.begin_s for span in spans if span.ruling.state is State.UNKNOWN)
    before_s = max(0.0, spans[0].begin_s)
    return before_s + unknown_s, max(spans[-1].end_s, episode.trace.duration_s)
