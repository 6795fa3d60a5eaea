"""What the page shows of one episode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_judge_ros.replay.chart import NARROW, WIDE, chart, horizon_s
from vlm_judge_ros.replay.filmstrip import Moment, filmstrip
from vlm_judge_ros.replay.page.bands import worth_showing
from vlm_judge_ros.replay.page.reported import PictureBudget, Reported, data_address
from vlm_judge_ros.replay.page.row import Row
from vlm_judge_ros.replay.trace import Alarm, EpisodeTrace, Shot
from vlm_judge_ros.verdict.failure import FailureEvent

MOST_LISTED = 40
"""Findings and failures of an episode that are listed; the drawing has them all."""

_TELLING = ("recognised", "onset", "estimated", "succeeded")


def episode_view(reported: Reported, row: Row, budget: PictureBudget) -> dict[str, Any]:
    """The values for the template of an episode; its pictures are taken from the budget where they fit."""
    trace = reported.trace
    moments, alarms = filmstrip(trace), worth_showing(trace.alarms)
    shots = _unique(moments)
    strip = _unique([moment for moment in moments if moment.shown])
    within = {id(shot) for shot in budget.take(shots, strip)}
    addresses = [_address(shot, reported, id(shot) in within) for shot in shots]
    numbers = {id(shot): number for number, shot in enumerate(shots)}
    strip_numbers = {numbers[id(shot)] for shot in strip}
    start = _most_telling(moments)
    return {
        "row": row,
        "trace": trace,
        "origin": reported.origin,
        "charts": {"wide": chart(trace, WIDE), "narrow": chart(trace, NARROW)},
        "moments": [_shown(trace, moment, numbers, addresses) for moment in moments if moment.shown],
        "first": moments[start] if moments else None,
        "first_reading": _reading(trace, moments[start], numbers) if moments else None,
        "addresses": addresses,
        "has_pictures": any(addresses),
        "failures": [_failure(trace, event) for event in trace.failures[:MOST_LISTED]],
        "failures_left_out": max(0, len(trace.failures) - MOST_LISTED),
        "alarms": alarms[:MOST_LISTED],
        "alarms_left_out": max(0, len(alarms) - MOST_LISTED),
        "layers": _layers(alarms),
        "horizon_s": horizon_s(trace),
        "film": {
            "start": start,
            "cameras": trace.cameras,
            "readings": [_reading(trace, moment, numbers) for moment in moments],
            # The pictures of the strip stand in the strip.
            "pictures": {
                number: address for number, address in enumerate(addresses) if address and number not in strip_numbers
            },
        },
    }


def _unique(moments: Sequence[Moment]) -> list[Shot]:
    found = {id(shot): shot for moment in moments for shot in moment.pictures.values() if shot is not None}
    return list(found.values())


def _address(shot: Shot, reported: Reported, within: bool) -> str:
    if within and shot.jpeg:
        return data_address(shot)
    return reported.files.get((shot.camera, shot.time_s), "")


def _most_telling(moments: Sequence[Moment]) -> int:
    for kind in _TELLING:
        for index, moment in enumerate(moments):
            if kind in moment.kinds:
                return index
    return max(0, len(moments) - 1)


def _reading(trace: EpisodeTrace, moment: Moment, numbers: Mapping[int, int]) -> list[Any]:
    """What was true, and what was known, at one moment: seconds, state, four shares, and a picture for each camera."""
    answer = next((answer for answer in reversed(trace.answers) if answer.time_s <= moment.time_s + 1e-6), None)
    ruling = next((ruling for ruling in reversed(trace.rulings) if ruling.known_s <= moment.time_s + 1e-6), None)
    shares = (
        answer.progress if answer is not None else math.nan,
        trace.true_progress.at(moment.time_s + 1e-6),
        answer.success_probability if answer is not None else math.nan,
        answer.failure_probability if answer is not None else math.nan,
    )
    pictures = [moment.pictures[camera] for camera in trace.cameras]
    return [
        round(moment.time_s, 3),
        ruling.state.name.lower() if ruling is not None else "none yet",
        *(round(share, 3) if math.isfinite(share) else None for share in shares),
        [numbers[id(shot)] if shot is not None else None for shot in pictures],
    ]


def _shown(trace: EpisodeTrace, moment: Moment, numbers: Mapping[int, int], addresses: Sequence[str]) -> dict[str, Any]:
    """A moment of the strip, with number, time and address of a picture for each camera; None where it has none."""
    pictures: list[dict[str, Any] | None] = []
    for camera in trace.cameras:
        shot = moment.pictures[camera]
        address = "" if shot is None else addresses[numbers[id(shot)]]
        if shot is None or not address:
            pictures.append(None)
        else:
            pictures.append({"number": numbers[id(shot)], "time_s": shot.time_s, "address": address, "camera": camera})
    return {"time_s": moment.time_s, "kinds": moment.kinds, "pictures": pictures}


def _failure(trace: EpisodeTrace, event: FailureEvent) -> dict[str, Any]:
    onset_ns = event.onset_ns
    return {
        "time_s": max(0.0, (event.stamp_ns - trace.started_ns) * 1e-9),
        "status": event.status.name.lower(),
        "mode": event.mode.name,
        "severity": event.severity.name.lower(),
        "onset_s": None if onset_ns is None else max(0.0, (onset_ns - trace.started_ns) * 1e-9),
        "layer": event.deciding_layer.name.lower(),
        "confidence": event.confidence,
        "text": event.text,
    }


def _layers(alarms: Sequence[Alarm]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(alarm.finding.layer.name.lower() for alarm in sorted(alarms, key=_layer)))


def _layer(alarm: Alarm) -> int:
    return int(alarm.finding.layer)
