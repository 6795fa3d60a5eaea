"""Holds what a judge answers against what an opinion may be, before anybody believes it."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Critique, Opinion, SubtaskOpinion, SubtaskState

_SHARES = ("progress", "success_probability", "failure_probability", "progress_low", "progress_high")
_NUMBERS = ("novelty", "raw_score", "raw_score_bound", "band_score", "band_limit")
_WEIGHT_TOLERANCE = 1e-3


def checked_fields(opinion: Opinion) -> dict[str, Any]:
    """The fields of an opinion without the frames, which the asking side still has.

    Raises:
        JudgeError: a share or probability is neither from 0 to 1 nor NaN, or a field contradicts another.
    """
    checked = {entry.name: getattr(opinion, entry.name) for entry in fields(opinion) if entry.name != "evidence"}
    for name in (*_SHARES, *_NUMBERS):
        # Whatever kind of number the model gives; messages take only Python's own.
        checked[name] = float(checked[name])
    for name in _SHARES:
        _check_share(checked[name], name)
    checked["unparsable"] = bool(opinion.unparsable)
    if opinion.unparsable and not math.isnan(checked["progress"]):
        raise JudgeError(
            f"The judge answered with progress {checked['progress']:g} from what cannot be read; it has to be NaN then."
        )
    checked["reason"] = _shown(opinion.reason)
    checked["subtasks"] = tuple(map(_checked_subtask, opinion.subtasks))
    weights = sum(subtask.weight for subtask in checked["subtasks"])
    if opinion.subtasks and abs(weights - 1.0) > _WEIGHT_TOLERANCE:
        raise JudgeError(f"The judge answered with subtasks whose weights add up to {weights:g}; it has to be 1.")
    if opinion.critique is not None:
        checked["critique"] = _checked_critique(opinion.critique)
    return checked


def _checked_subtask(subtask: SubtaskOpinion) -> SubtaskOpinion:
    name, weight, progress = _shown(subtask.name), float(subtask.weight), float(subtask.progress)
    if not name:
        raise JudgeError("The judge answered with a subtask without a name.")
    if not 0.0 <= weight <= 1.0:
        raise JudgeError(f"The judge answered with weight {weight:g} of subtask {name!r}; it has to be from 0 to 1.")
    _check_share(progress, f"progress of subtask {name!r}")
    return SubtaskOpinion(name, weight, progress, SubtaskState(subtask.state))


def _checked_critique(critique: Critique) -> Critique:
    numbers = {name: float(getattr(critique, name)) for name in ("smoothness", "efficiency", "safety", "at_s")}
    for name in ("smoothness", "efficiency", "safety"):
        _check_share(numbers[name], name)
    if numbers["at_s"] < 0.0 or math.isinf(numbers["at_s"]):
        raise JudgeError(f"The judge answered with at_s {numbers['at_s']:g}; it has to be seconds from 0, or NaN.")
    return Critique(**numbers, advice=_shown(critique.advice), camera=_shown(critique.camera))


def _check_share(value: float, name: str) -> None:
    if not (math.isnan(value) or 0.0 <= value <= 1.0):
        raise JudgeError(f"The judge answered with {name} {value:g}; it has to be from 0 to 1, or NaN.")


def _shown(text: str) -> str:
    """A text without what no message can carry and no terminal should see: half surrogate pairs, control characters."""
    whole = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() else " " for letter in whole)
