"""From a judge's numbers to what they stand for; which mapping, is decided on episodes that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from vlm_judge_ros.judges.calibration import MappingFit, Monotone
from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.folds import folds
from vlm_judge_ros.qualify.isotonic import fit_isotonic
from vlm_judge_ros.qualify.platt import fit_logistic, smoothed_targets
from vlm_judge_ros.replay.labels.correlation import mean
from vlm_judge_ros.replay.labels.figure import Floats, figure

ISOTONIC_FROM = 10
"""Episodes from which on a mapping without a form is tried; with fewer it follows each of them."""

_SURE = 1e-3


class Method(Enum):
    """Ways to map, the fewer parameters the earlier."""

    NONE = "none"
    PLATT = "platt"
    ISOTONIC = "isotonic"


class Goal(Enum):
    """What numbers are mapped to."""

    PROGRESS = "progress"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Course:
    """The judge's numbers in one episode and what they stand for.

    Attributes:
        key: of the episode.
        scores: of its answers, at least one, none NaN.
        targets: true progress, or 1 where the task was complete and 0 where it was not.
    """

    key: str
    scores: Floats
    targets: Floats


@dataclass(frozen=True, slots=True)
class Chosen:
    """What came of a fit.

    Attributes:
        mapping: None where the judge's own number is left as it is.
        fit: how it was fitted.
        told: what a person should know of the choice, sentences.
    """

    mapping: Monotone | None
    fit: MappingFit
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """What is said where a fit finds nothing: the mean."""

    value: float

    def value_of(self, score: float) -> float:
        """The mean, whatever the score."""
        return self.value


@dataclass(frozen=True, slots=True)
class _Own:
    def value_of(self, score: float) -> float:
        return score


def choose(goal: Goal, courses: Sequence[Course], own_scale: bool, method: Method | None = None) -> Chosen | str:
    """Fit what does best on episodes that are left out; of what does about as well, what has the fewest parameters.

    The error is the squared one for progress and the logarithmic loss for success; each episode counts the same. About
    as well is within one standard error of the difference.

    Args:
        goal: what the scores are mapped to.
        courses: of the episodes, in any order, with different keys.
        own_scale: the judge's number is already meant as what it is mapped to, so that it may stay as it is.
        method: the only one to fit; None to choose.

    Returns:
        What was chosen; or one sentence why nothing can be fitted.
    """
    courses = sorted(courses, key=lambda course: course.key)
    reason = _lacking(goal, courses)
    if reason:
        return reason
    told: list[str] = []
    methods = [method] if method is not None else list(Method)
    if method is None and len(courses) < ISOTONIC_FROM:
        methods.remove(Method.ISOTONIC)
        told.append(
            f"{len(courses)} episodes are too few for an isotonic mapping, which takes {ISOTONIC_FROM}; only one "
            "with two parameters, a logistic curve, was tried."
        )
    if not own_scale and Method.NONE in methods:
        methods.remove(Method.NONE)
    fitted = {each: _fit(goal, each, courses) for each in methods}
    fitted = {each: mapping for each, mapping in fitted.items() if not isinstance(mapping, Constant)}
    if not fitted:
        return f"The judge's numbers do not rise with {goal.value} in these episodes, so there is nothing to map."
    losses = {each: cross_validated(goal, each, courses) for each in fitted}
    best = _simplest_of_the_best({each: losses[each][_decisive(goal)] for each in losses})
    errors = {name: _figure(values) for name, values in losses[best].items()}
    if own_scale and best is not Method.NONE:
        own = cross_validated(goal, Method.NONE, courses)
        errors |= {f"{name}_before": _figure(values) for name, values in own.items()}
    mapping = fitted[best]
    kept = None if isinstance(mapping, (_Own, Constant)) else mapping
    if kept is None:
        told.append(f"The judge's own {goal.value} is left as it is: no mapping did better on episodes left out.")
    return Chosen(kept, MappingFit(method=best.value, episodes=len(courses), errors=errors), tuple(told))


def cross_validated(goal: Goal, method: Method, courses: Sequence[Course]) -> Mapping[str, Floats]:
    """Errors of each episode by a mapping that was fitted without its fold; episodes are never split."""
    positive = [int(course.targets.max() > 0.5) for course in courses]
    names = ("squared_error", "absolute_error") if goal is Goal.PROGRESS else ("log_loss", "brier")
    errors = {name: np.empty(len(courses)) for name in names}
    for out in folds([course.key for course in courses], positive):
        mapping = _fit(goal, method, [course for place, course in enumerate(courses) if place not in out])
        for place in out:
            course = courses[place]
            said = np.array([mapping.value_of(float(score)) for score in course.scores])
            for name in names:
                errors[name][place] = _ERRORS[name](said, course.targets)
    return errors


def _squared(said: Floats, targets: Floats) -> float:
    return float(np.mean((said - targets) ** 2))


def _absolute(said: Floats, targets: Floats) -> float:
    return float(np.mean(np.abs(said - targets)))


def _logarithmic(said: Floats, targets: Floats) -> float:
    said = np.clip(said, _SURE, 1.0 - _SURE)
    return float(-np.mean(targets * np.log(said) + (1.0 - targets) * np.log(1.0 - said)))


_ERRORS: Mapping[str, Callable[[Floats, Floats], float]] = {
    "squared_error": _squared,
    "absolute_error": _absolute,
    "log_loss": _logarithmic,
    "brier": _squared,
}


def _decisive(goal: Goal) -> str:
    return "squared_error" if goal is Goal.PROGRESS else "log_loss"


def _lacking(goal: Goal, courses: Sequence[Course]) -> str:
    if len(courses) < 3:
        return f"{len(courses)} episodes tell {goal.value}, and a mapping takes 3 at least."
    targets = np.concatenate([course.targets for course in courses])
    if goal is Goal.SUCCESS and (targets.min() > 0.5 or targets.max() < 0.5):
        said = "complete" if targets.min() > 0.5 else "not complete"
        return f"All that is known is of moments at which the task was {said}; success takes both kinds."
    if goal is Goal.PROGRESS and float(np.ptp(targets)) < 0.05:
        return "The progress that is known is the same at all moments, so there is nothing to map."
    return ""


def _fit(goal: Goal, method: Method, courses: Sequence[Course]) -> Monotone | Constant | _Own:
    if method is Method.NONE:
        return _Own()
    scores = np.concatenate([course.scores for course in courses])
    targets = np.concatenate([course.targets for course in courses])
    # All answers of an episode together count as one, because they are not independent.
    weights = np.concatenate([np.full(course.scores.size, 1.0 / course.scores.size) for course in courses])
    finite = scores[np.isfinite(scores)]
    if finite.size == 0:
        return Constant(float(np.average(targets, weights=weights)))
    scores = np.clip(scores, finite.min(), finite.max())
    smoothed = smoothed_targets(targets, weights) if goal is Goal.SUCCESS else targets
    if method is Method.PLATT:
        return fit_logistic(scores, smoothed, weights) or Constant(float(np.average(smoothed, weights=weights)))
    mapping = fit_isotonic(scores, targets, weights)
    if goal is Goal.SUCCESS:
        # No number of episodes makes certain.
        values = np.clip(mapping.values, smoothed.min(), smoothed.max())
        mapping = mapping.model_copy(update={"values": tuple(values.tolist())})
    return Constant(mapping.values[0]) if mapping.values[0] == mapping.values[-1] else mapping


def _simplest_of_the_best(losses: Mapping[Method, Floats]) -> Method:
    best = min(losses, key=lambda method: float(losses[method].mean()))
    for method in sorted(losses, key=list(Method).index):
        worse = losses[method] - losses[best]
        error = float(worse.std(ddof=1)) / np.sqrt(worse.size)
        if float(worse.mean()) <= error:
            return method
    return best


def _figure(values: Floats) -> CardFigure:
    found = figure(mean(values), values.size)
    return CardFigure(value=found.value, low=found.low, high=found.high, n=found.n, reason=found.reason)
