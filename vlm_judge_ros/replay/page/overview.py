"""What the page says over all episodes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.page.distribution import histogram, summary
from vlm_judge_ros.replay.page.row import OUTCOMES, Outcome, Row


def overview(rows: Sequence[Row]) -> dict[str, Any]:
    """The values for the template of the overview."""
    counts = Counter(row.outcome for row in rows)
    return {
        "episodes": len(rows),
        "duration_s": sum(row.duration_s for row in rows),
        "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
        "modes": _modes(rows),
        "knows_truth": any(row.true_success is not None for row in rows),
        "confusion": _confusion(rows),
        "distributions": _distributions(rows),
    }


def _modes(rows: Sequence[Row]) -> list[dict[str, Any]]:
    judged = Counter(row.mode.name for row in rows if row.outcome == "failure")
    true = Counter(row.true_mode for row in rows if row.true_success is False)
    names = [mode.name for mode in FailureMode if judged[mode.name] or true[mode.name]]
    most = max([1, *judged.values(), *true.values()])
    found = [
        {
            "name": name,
            "judged": judged[name],
            "true": true[name],
            "judged_share": judged[name] / most,
            "true_share": true[name] / most,
        }
        for name in names
    ]
    return sorted(found, key=lambda mode: (-int(mode["judged"]), -int(mode["true"])))


def _confusion(rows: Sequence[Row]) -> list[tuple[str, list[int]]]:
    """For true successes and true failures, how many verdicts say success, failure, unknown."""
    counts = Counter((row.true_success, row.outcome) for row in rows)
    lines = (("success", True), ("failure", False))
    return [(name, [counts[true, outcome] for outcome in OUTCOMES]) for name, true in lines]


def _distributions(rows: Sequence[Row]) -> list[dict[str, Any]]:
    progress: dict[str, list[float]] = {
        outcome: [row.progress for row in _of(rows, outcome) if _known(row.progress)] for outcome in OUTCOMES
    }
    durations: dict[str, list[float]] = {
        outcome: [row.duration_s for row in _of(rows, outcome)] for outcome in OUTCOMES
    }
    recognised = {"failure": [row.recognised_s for row in rows if row.recognised_s is not None]}
    delays = {"failure": [row.delay_s for row in rows if row.delay_s is not None]}
    wanted: list[tuple[str, Mapping[str, Sequence[float]], str, float | None]] = [
        ("Final progress", progress, "%", 1.0),
        ("Length of the episode", durations, "s", None),
        ("Time until a failure was recognised", recognised, "s", None),
    ]
    if delays["failure"]:
        wanted.append(("From true onset to recognition", delays, "s", None))
    return [
        {
            "title": title,
            "svg": histogram(title, values, unit, most),
            "summary": summary([value for kind in values.values() for value in kind], unit),
        }
        for title, values, unit, most in wanted
    ]


def _of(rows: Sequence[Row], outcome: Outcome) -> list[Row]:
    return [row for row in rows if row.outcome == outcome]


def _known(value: float) -> bool:
    return math.isfinite(value)
