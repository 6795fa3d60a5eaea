"""Judged episodes as one HTML page that needs nothing beside it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vlm_judge_ros import __version__
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.chart import NARROW, WIDE, chart, horizon_s
from vlm_judge_ros.replay.filmstrip import Moment, data_address, filmstrip
from vlm_judge_ros.replay.headline import headline
from vlm_judge_ros.replay.trace import EpisodeTrace


def render(traces: Sequence[EpisodeTrace], title: str) -> str:
    """The page as text.

    Args:
        traces: the judged episodes, in the order of the page.
        title: heading of the page.
    """
    environment = Environment(
        loader=PackageLoader("vlm_judge_ros.replay", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["seconds"] = _seconds
    environment.filters["data_address"] = data_address
    episodes = [_episode(trace) for trace in traces]
    return environment.get_template("report.html.j2").render(title=title, episodes=episodes, version=__version__)


def write_report(traces: Sequence[EpisodeTrace], path: Path, title: str = "Judged episodes") -> Path:
    """Write the page; folders are made, and an older page is replaced only by a whole one.

    Raises:
        JudgeError: the file cannot be written.
    """
    page = render(traces, title)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as unfinished:
            unfinished.write(page)
        Path(unfinished.name).chmod(0o644)
        Path(unfinished.name).replace(path)
    except OSError as error:
        raise JudgeError(f"The report cannot be written to {path} ({error.strerror}); choose another place.") from error
    return path.resolve()


def _episode(trace: EpisodeTrace) -> dict[str, Any]:
    moments = filmstrip(trace)
    first = _most_telling(trace, moments)
    return {
        "trace": trace,
        "headline": headline(trace),
        "charts": {"wide": chart(trace, WIDE), "narrow": chart(trace, NARROW)},
        "moments": moments,
        "start": moments.index(first) if first is not None else 0,
        "readings": [_reading(trace, moment) for moment in moments],
        "horizon_s": horizon_s(trace),
    }


def _most_telling(trace: EpisodeTrace, moments: Sequence[Moment]) -> Moment | None:
    for kind in ("recognised", "onset", "succeeded"):
        for moment in moments:
            if kind in moment.kinds:
                return moment
    return moments[-1] if moments else None


def _reading(trace: EpisodeTrace, moment: Moment) -> dict[str, Any]:
    """What was true, and what was known, at one moment."""
    answer = next((answer for answer in reversed(trace.answers) if answer.time_s <= moment.time_s + 1e-6), None)
    ruling = next((ruling for ruling in reversed(trace.rulings) if ruling.known_s <= moment.time_s + 1e-6), None)
    return {
        "time": _seconds(moment.time_s),
        "seconds": moment.time_s,
        "state": ruling.state.name if ruling is not None else "none yet",
        "judged": _percent(answer.progress if answer is not None else math.nan),
        "truth": _percent(trace.true_progress.at(moment.time_s + 1e-6)),
        "success": _percent(answer.success_probability if answer is not None else math.nan),
        "failure": _percent(answer.failure_probability if answer is not None else math.nan),
    }


def _percent(value: float) -> str:
    return f"{value * 100:.0f} %" if math.isfinite(value) else "not known"


def _seconds(value: float | None) -> str:
    return f"{value:.1f} s" if value is not None and math.isfinite(value) else "none"
