"""How far a judge agrees with people, and people with each other."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.labels.correlation import kendall, mean, pearson, spearman
from vlm_judge_ros.replay.labels.figure import (
    NOBODY,
    Figure,
    Floats,
    figure,
    figure_of_share,
    figure_over_rows,
    share,
    widened,
)
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.people import PeopleSay, mode_of, people_say, preferences
from vlm_judge_ros.replay.labels.preference import preference_accuracy
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.verdict import State

_CONSTANT = "all scores of one side are the same"


@dataclass(frozen=True, slots=True)
class JudgeSays:
    """What a judge made of one episode. None: it does not say.

    Attributes:
        episode: key of the episode.
        task: only episodes of one task are compared with each other.
        score: final progress, 0 to 1.
        success: whether the task was done at the end.
        failure_mode: NONE where it was no failure.
        onset_s: seconds from the start of the episode to the start of the failure.
    """

    episode: str
    task: str
    score: float | None
    success: bool | None
    failure_mode: FailureMode | None
    onset_s: float | None

    @staticmethod
    def of(episode: str, trace: EpisodeTrace) -> JudgeSays:
        """The final verdict of an episode; one whose state is UNKNOWN says nothing of success."""
        state, ruling = trace.final_state, trace.rulings[-1] if trace.rulings else None
        return JudgeSays(
            episode=episode,
            task=trace.task,
            score=trace.final_progress if math.isfinite(trace.final_progress) else None,
            success=None if state is State.UNKNOWN else state is State.SUCCEEDED,
            failure_mode=None if ruling is None or state is State.UNKNOWN else ruling.failure_mode,
            onset_s=ruling.onset_s if ruling is not None else None,
        )


def agreement(judged: Sequence[JudgeSays], labels: Sequence[Label]) -> Mapping[str, Figure]:
    """All figures of agreement, by name; those of raters too. The same input gives the same figures in any order.

    - `pearson`, `spearman`, `kendall`: correlation of the scores; `score_error`, `score_bias`: mean of |judge - people|
      and of judge - people.
    - `success_accuracy`, `success_precision`, `success_recall`: a success is what is looked for.
    - `failure_mode_matches`: share of the failures for which people name a mode where the judge names the same.
    - `onset_error_s`, `onset_bias_s`: where both name an onset.
    - `preference_accuracy`: share of the pairs of episodes of one task that the judge orders as people do; of all tasks
      together, so that each counts by its pairs. People say which is better, or else their scores do; pairs that are
      equal to them do not count, and one that is equal to the judge is half right.
    - `rater_kappa_success`, `rater_kappa_failure_mode`: Cohen's kappa of two raters, the mean of all pairs of raters by
      the episodes that both labelled; `rater_score_error`: mean of the difference of their scores.
    """
    people = people_say(labels)
    both = [
        (each, people[each.episode]) for each in sorted(judged, key=lambda each: each.episode) if each.episode in people
    ]
    return {
        **_scores(both),
        **_successes(both),
        "failure_mode_matches": _mode_matches(both),
        **_onsets(both),
        "preference_accuracy": _preference_accuracy(judged, people, preferences(labels)),
        **_raters(labels),
    }


_Both = Sequence[tuple[JudgeSays, PeopleSay]]


def _scores(both: _Both) -> dict[str, Figure]:
    pairs = [(a.score, b.score) for a, b in both if a.score is not None and b.score is not None]
    judge, people = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    n = len(pairs)
    return {
        "pearson": figure(pearson(judge, people), n, undefined=_CONSTANT),
        "spearman": figure(spearman(judge, people), n, undefined=_CONSTANT),
        "kendall": figure(kendall(judge, people), n, undefined=_CONSTANT),
        "score_error": figure(mean(np.abs(judge - people)), n),
        "score_bias": figure(mean(judge - people), n),
    }


def _successes(both: _Both) -> dict[str, Figure]:
    pairs = [(a.success, b.success) for a, b in both if a.success is not None and b.success is not None]
    judge, people = np.array(pairs, dtype=np.bool_).reshape(-1, 2).T
    return {
        "success_accuracy": figure_of_share(judge == people),
        "success_precision": figure_of_share(
            people[judge], undefined="the judge calls no episode a success" if pairs else NOBODY
        ),
        "success_recall": figure_of_share(
            judge[people], undefined="people call no episode a success" if pairs else NOBODY
        ),
    }


def _mode_matches(both: _Both) -> Figure:
    named = [(a.failure_mode, b.failure_mode) for a, b in both if b.failure_mode not in (None, FailureMode.NONE)]
    return figure_of_share([judge == people for judge, people in named])


def _onsets(both: _Both) -> dict[str, Figure]:
    late = [a.onset_s - b.onset_s for a, b in both if a.onset_s is not None and b.onset_s is not None]
    errors = np.array(late, dtype=np.float64)
    return {
        "onset_error_s": figure(mean(np.abs(errors)), len(late)),
        "onset_bias_s": figure(mean(errors), len(late)),
    }


def _preference_accuracy(
    judged: Sequence[JudgeSays], people: Mapping[str, PeopleSay], preferred: Mapping[tuple[str, str], float]
) -> Figure:
    compared = {key for pair in preferred for key in pair}
    scored = {key for key, said in people.items() if said.score is not None}
    shown = sorted((each for each in judged if each.score is not None), key=lambda each: each.episode)
    shown = [each for each in shown if each.episode in compared | scored]
    judge = np.array([each.score for each in shown], dtype=np.float64)
    score = np.array(
        [people[each.episode].score if each.episode in scored else math.nan for each in shown], dtype=np.float64
    )
    stated = _stated([each.episode for each in shown], preferred)
    accuracy, pairs = preference_accuracy(judge, score, [each.task for each in shown], stated)
    found = figure(accuracy, len(shown), pairs)
    # Drawing tells nothing where all pairs are right, or all wrong. Of all pairs those in which no episode is twice
    # tell nothing of each other, so that their number is one of trials.
    return widened(found, min(pairs, len(shown) // 2)) if found.value in (0.0, 1.0) else found


def _stated(episodes: Sequence[str], preferred: Mapping[tuple[str, str], float]) -> dict[tuple[int, int], float]:
    """Preferences that somebody stated, by places of the episodes, both ways round."""
    places = {episode: place for place, episode in enumerate(episodes)}
    stated: dict[tuple[int, int], float] = {}
    for (first, second), vote in preferred.items():
        if first in places and second in places:
            stated[places[first], places[second]] = vote
            stated[places[second], places[first]] = -vote
    return stated


def _raters(labels: Sequence[Label]) -> dict[str, Figure]:
    said: dict[str, dict[str, Label]] = {}
    for label in labels:
        if label.judges:
            said.setdefault(label.rater, {})[label.episode] = label
    places = {episode: place for place, episode in enumerate(sorted({e for each in said.values() for e in each}))}
    together: list[tuple[int, Label, Label, tuple[str, str]]] = [
        (places[episode], said[one][episode], said[two][episode], (one, two))
        for one, two in combinations(sorted(said), 2)
        for episode in sorted(said[one].keys() & said[two].keys())
    ]
    scores = [
        (place, abs(one.score - two.score))
        for place, one, two, _ in together
        if one.score is not None and two.score is not None
    ]
    return {
        "rater_kappa_success": _kappa([(p, one.success, two.success, who) for p, one, two, who in together]),
        "rater_kappa_failure_mode": _kappa([(p, mode_of(one), mode_of(two), who) for p, one, two, who in together]),
        "rater_score_error": figure_over_rows(mean(np.array([error for _, error in scores])), [p for p, _ in scores]),
    }


def _kappa(rows: Sequence[tuple[int, Hashable, Hashable, tuple[str, str]]]) -> Figure:
    rows = [row for row in rows if row[1] is not None and row[2] is not None]
    pairs = sorted({row[3] for row in rows})
    chosen = sorted({str(choice) for row in rows for choice in row[1:3]})
    one, two = (np.array([chosen.index(str(row[side])) for row in rows], dtype=np.int64) for side in (1, 2))
    members = [np.array([row[3] == pair for row in rows]) for pair in pairs]

    def kappa(counts: Floats) -> Floats:
        weighted, total = np.zeros(len(counts)), np.zeros(len(counts))
        for member in members:
            own = counts[:, member]
            size = own.sum(axis=1)
            value = _kappa_of_two(own, one[member], two[member], len(chosen))
            known = np.isfinite(value)
            weighted += np.where(known, value * size, 0.0)
            total += np.where(known, size, 0.0)
        return share(weighted, total)

    return figure_over_rows(kappa, [row[0] for row in rows], "the raters only ever say one and the same")


def _kappa_of_two(counts: Floats, one: NDArray[np.int64], two: NDArray[np.int64], choices: int) -> Floats:
    size = counts.sum(axis=1)
    observed = share(counts @ (one == two).astype(np.float64), size)
    chance = np.zeros(len(counts))
    for choice in range(choices):
        chance += share(counts @ (one == choice).astype(np.float64), size) * share(
            counts @ (two == choice).astype(np.float64), size
        )
    return np.where(chance < 1.0 - 1e-12, share(observed - chance, 1.0 - chance), np.nan)
