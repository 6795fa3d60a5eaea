"""Parameters that are fine each by itself and contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import load_calibration
from vlm_judge_ros.judges.factory import JUDGES
from vlm_judge_ros.parameters.judge_node import parameters_for
from vlm_judge_ros.parameters.parameter import Value, show
from vlm_judge_ros.parameters.suited import asking

_OF_SERVERS = ("record", "replay", "image_size_px", "jpeg_quality")
_MAY_HAVE_SERVERS_OF_THEIR_OWN = ("ensemble",)


def refuse_contradictions(values: Mapping[str, Value]) -> None:
    """Return where the values of all parameters go together.

    Raises:
        JudgeError: they do not; the sentence names the parameters, their values and what to do.
    """
    reason = contradiction(values)
    if reason is not None:
        raise JudgeError(reason)


def contradiction(values: Mapping[str, Value]) -> str | None:
    """Say in one sentence which values do not go together; None where all do."""
    get: Mapping[str, Any] = values
    period_s = asking(values, get["judge"]).period_s
    if get["opinion_timeout_s"] <= period_s:
        return (
            f"Parameter opinion_timeout_s is {get['opinion_timeout_s']} s and period_s is {period_s} s; set "
            "opinion_timeout_s to more than period_s, or every answer is out of date before the next."
        )
    if get["deadline_s"] > get["hang_timeout_s"]:
        return _hangs(get, "deadline_s")
    if get["record"] and get["replay"]:
        return (
            f"Parameter record is {show(get['record'])} and replay is {show(get['replay'])}; set one of them, because "
            "what is replayed is not recorded once more."
        )
    if get["evidence_clip_mb"] > get["evidence_total_mb"]:
        return (
            f"Parameter evidence_clip_mb is {get['evidence_clip_mb']} MB and evidence_total_mb is "
            f"{get['evidence_total_mb']} MB; set evidence_total_mb to no less, or no large clip can be kept."
        )
    return _without_server(values) or _of_review(values) or _of_calibration(values)


def _of_calibration(values: Mapping[str, Value]) -> str | None:
    """What would make the false stops more than a calibration promises."""
    get: Mapping[str, Any] = values
    try:
        band = load_calibration(get["calibration"]).failure if get["calibration"] else None
    except JudgeError:  # the judge names the cause when it is made
        return None
    if band is None:
        return None
    hold_s = asking(values, get["judge"]).failure_hold_s
    if get["failure_count"] >= band.failure_count and hold_s >= band.failure_hold_s:
        return None
    return (
        f"Parameter failure_count is {get['failure_count']}, judge_failure_hold_s is {hold_s} s, "
        f"and the calibration {get['calibration']} promises its rate of false stops from {band.failure_count} answers "
        f"and {band.failure_hold_s:g} s on; set them to no less, or calibrate anew with --failure-count and "
        "--failure-hold."
    )


def _of_review(values: Mapping[str, Value]) -> str | None:
    get: Mapping[str, Any] = values
    if not get["review_judge"]:
        for name, parameter in parameters_for(()).items():
            if name.startswith("review_") and get[name] != parameter.default:
                return (
                    f"Parameter {name} is {show(get[name])} and review_judge is empty; set review_judge, or leave "
                    f"{name} at {show(parameter.default)}."
                )
        return None
    if get["review_deadline_s"] > get["hang_timeout_s"]:
        return _hangs(get, "review_deadline_s")
    if get["review_deadline_s"] > get["review_timeout_s"]:
        return (
            f"Parameter review_deadline_s is {get['review_deadline_s']} s and review_timeout_s is "
            f"{get['review_timeout_s']} s; set review_timeout_s to no less, or a review is out of date when it comes."
        )
    return None


def _hangs(get: Mapping[str, Any], name: str) -> str:
    return (
        f"Parameter {name} is {get[name]} s and hang_timeout_s is {get['hang_timeout_s']} s; set hang_timeout_s to no "
        "less, or the judge is ended while its answer is still wanted."
    )


def _without_server(values: Mapping[str, Value]) -> str | None:
    get: Mapping[str, Any] = values
    judges = [get["judge"], *filter(None, [get["review_judge"]])]
    if (
        get["server"]
        or get["review_server"]
        or any(judge in _MAY_HAVE_SERVERS_OF_THEIR_OWN or judge not in JUDGES for judge in judges)
    ):
        return None
    for name in _OF_SERVERS:
        if get[name]:
            return (
                f"Parameter {name} is {show(get[name])} and no server is asked; set server or review_server, or leave "
                f"{name} out."
            )
    return None
