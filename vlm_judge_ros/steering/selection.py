"""Which candidate is chosen, when none is, and when no further voice can change that.

Candidates are compared only by voices that have spoken on all of those that are compared, so that a lenient voice that
was asked about some of them favours nobody. Where time ran out those count that every voice has spoken on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np
import pydantic
from numpy.typing import NDArray

from vlm_judge_ros.steering.choice import Choice
from vlm_judge_ros.steering.scored import CandidateState, Scores

Method: TypeAlias = Literal["mean", "tournament", "majority"]
_Points: TypeAlias = Callable[[NDArray[np.float64], float], NDArray[np.float64]]


class SelectionRules(pydantic.BaseModel):
    """How a candidate is chosen.

    Attributes:
        method: `mean`: the highest mean score. `tournament`: each pair of candidates is a match, won by the one that
            more voices score higher; a point for a win and half of one for a draw. `majority`: each voice votes for the
            candidate that it scores highest, a vote shared among equals.
        margin: by how much the mean score of the chosen one has to exceed that of every other, 0 to 1. For the two
            other methods: scores of one voice that differ by less are equal.
        noise_factor: the lead in the mean has to exceed this many standard errors of the voices' paired differences;
            0 asks for nothing. Needs two voices; with one alone the margin is all there is.
        ties: what is done where the lead is too small: `abstain`, or `first` for the one that the policy prefers.
        temperature: above 0 a candidate is drawn with probabilities proportional to exp(mean score / temperature), for
            exploration; nothing is a tie then.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    method: Method = "mean"
    margin: float = pydantic.Field(default=0.001, ge=0.0, le=1.0)
    noise_factor: float = pydantic.Field(default=1.0, ge=0.0, le=100.0)
    ties: Literal["abstain", "first"] = "abstain"
    temperature: float = pydantic.Field(default=0.0, ge=0.0, le=100.0)


def choose(scores: Scores, rules: SelectionRules, random: np.random.Generator | None = None) -> Choice:
    """Choose among candidates that are in the order in which the policy prefers them.

    Args:
        scores: of all candidates.
        rules: how to choose.
        random: where a temperature is set.
    """
    in_play = scores.in_play
    if not in_play:
        return Choice(None, "Every candidate is excluded.")
    if len(in_play) == 1:
        return Choice(in_play[0], f"It is the only candidate{' that is not excluded' if scores.excluded else ''}.")
    compared = _compared(scores)
    values = scores.values[list(compared)]
    common = values[:, np.isfinite(values).all(axis=0)]
    if len(compared) < 2 or common.shape[1] == 0:
        return Choice(None, "No voice has spoken on two candidates; the evidence is missing.")
    if rules.temperature > 0.0:
        if random is None:
            raise ValueError("a temperature needs a source of randomness")
        return Choice(compared[_draw(common.mean(axis=1), rules.temperature, random)], "It was drawn by its score.")
    points = _POINTS[rules.method](common, rules.margin)
    # Of equals the first, which is the one that the policy prefers.
    order = np.argsort(-points, kind="stable")
    leader, second = int(order[0]), int(order[1])
    doubt = _doubt(common, points, leader, second, rules)
    if not doubt:
        lead = points[leader] - points[second]
        return Choice(compared[leader], f"It leads candidate {compared[second]} by {lead:.3g} ({rules.method}).")
    if rules.ties == "first":
        return Choice(in_play[0], f"{doubt}; the policy's own order decides.")
    return Choice(None, f"{doubt}.")


def is_settled(scores: Scores, rules: SelectionRules) -> bool:
    """Whether no voice that has yet to speak can change who leads, or make a lead of none.

    A voice that has spoken on some of the candidates in play counts as one that has yet to speak. Always False with a
    temperature, or where the noise of the voices has a say, since that may grow with every voice.
    """
    in_play = scores.in_play
    if len(in_play) < 2 or rules.temperature > 0.0:
        return len(in_play) < 2
    values = scores.values[list(in_play)]
    heard = np.isfinite(values).all(axis=0)
    common, left = values[:, heard], int(np.count_nonzero(~heard))
    if left == 0:
        return True
    if common.shape[1] == 0 or rules.method == "tournament" or (rules.method == "mean" and rules.noise_factor > 0.0):
        return False
    points = _POINTS[rules.method](common, rules.margin)
    lead = np.diff(np.sort(points)[-2:])[0]
    if rules.method == "majority":
        return bool(lead > left)
    # The worst for the leader: 0 from every voice that is left, and 1 for the second.
    voices = common.shape[1]
    return bool((lead * voices - left) / (voices + left) >= max(rules.margin, 1e-9))


def _compared(scores: Scores) -> tuple[int, ...]:
    """Candidates that every voice has spoken on; where there are fewer than two, those that any has spoken on."""
    in_play = scores.in_play
    whole = tuple(index for index in in_play if scores.state_of(index) is CandidateState.SCORED)
    if len(whole) >= 2:
        return whole
    return tuple(index for index in in_play if np.isfinite(scores.values[index]).any())


def _doubt(
    common: NDArray[np.float64], points: NDArray[np.float64], leader: int, second: int, rules: SelectionRules
) -> str:
    """Why the lead is too small; empty where it is not."""
    if points[leader] - points[second] <= 1e-12:
        return f"The best {int(np.count_nonzero(points >= points[leader] - 1e-12))} candidates are equal"
    if rules.method != "mean":
        return ""
    lead = float(points[leader] - points[second])
    if lead < rules.margin:
        return f"The best two candidates differ by {lead:.3f}, less than the margin of {rules.margin:g}"
    for other in range(len(points)):
        differences = common[leader] - common[other]
        if other == leader or differences.size < 2:
            continue
        error = float(differences.std(ddof=1)) / math.sqrt(differences.size)
        if differences.mean() < rules.noise_factor * error:
            return (
                f"The lead of {differences.mean():.3f} is within the noise of the voices, whose standard error is "
                f"{error:.3f}"
            )
    return ""


def _draw(means: NDArray[np.float64], temperature: float, random: np.random.Generator) -> int:
    weights = np.exp((means - means.max()) / temperature)
    return int(random.choice(len(means), p=weights / weights.sum()))


def _mean(common: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    return np.asarray(common.mean(axis=1), dtype=np.float64)


def _tournament(common: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    differences = common[:, None, :] - common[None, :, :]
    votes = np.where(np.abs(differences) < max(margin, 1e-12), 0.0, np.sign(differences)).sum(axis=2)
    matches = 0.5 + 0.5 * np.sign(votes)
    return np.asarray(matches.sum(axis=1) - 0.5, dtype=np.float64)  # without the match against itself


def _majority(common: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    best = common >= common.max(axis=0) - max(margin - 1e-12, 1e-12)
    return np.asarray((best / best.sum(axis=0)).sum(axis=1), dtype=np.float64)


_POINTS: Mapping[Method, _Points] = {"mean": _mean, "tournament": _tournament, "majority": _majority}
