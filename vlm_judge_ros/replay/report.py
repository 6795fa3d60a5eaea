"""Judged episodes as one HTML page that needs nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from vlm_judge_ros import __version__
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.people import people_say
from vlm_judge_ros.replay.outputs.whole_file import whole_file
from vlm_judge_ros.replay.page.compared import Agreement, Compared
from vlm_judge_ros.replay.page.episode import episode_view
from vlm_judge_ros.replay.page.overview import overview
from vlm_judge_ros.replay.page.reported import PICTURE_BYTES, PictureBudget, Reported, Source
from vlm_judge_ros.replay.page.row import WORST_FIRST, Row, worst_first
from vlm_judge_ros.replay.trace import EpisodeTrace

TITLE = "Judged episodes"
ALL_OPEN = 12
"""Up to so many episodes are all open at first."""
FEW_OPEN = 3
"""Of more episodes than that, so many are."""


def render(traces: Sequence[EpisodeTrace], title: str = TITLE) -> str:
    """The page over episodes that are in memory, as text."""
    return "".join(parts(_sources(traces), title))


def write_report(traces: Sequence[EpisodeTrace], path: Path, title: str = TITLE) -> Path:
    """Write the page over episodes that are in memory; see `write_page`."""
    return write_page(_sources(traces), path, title)


def write_page(
    sources: Sequence[Source],
    path: Path,
    title: str = TITLE,
    labels: Sequence[Label] = (),
    picture_bytes: int = PICTURE_BYTES,
) -> Path:
    """Write the page; folders are made, and an older page is replaced only by a whole one.

    Args:
        sources: read the episodes, one by one.
        path: of the page.
        title: its heading.
        labels: what people say of the episodes, by their keys; beside what columns of a dataset say.
        picture_bytes: what the pictures within the page may take; those of further episodes are linked.

    Raises:
        JudgeError: an episode cannot be read, or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
            file.writelines(parts(sources, title, labels, picture_bytes))
    except OSError as error:
        raise JudgeError(f"The report cannot be written to {path} ({error.strerror}); choose another place.") from error
    return path.resolve()


def parts(
    sources: Sequence[Source],
    title: str,
    labels: Sequence[Label] = (),
    picture_bytes: int = PICTURE_BYTES,
) -> Iterator[str]:
    """The page piece by piece, so that it is never in memory as a whole; arguments as of `write_page`."""
    templates = _templates()
    rows, agreements = _read(sources, labels)
    opened = len(rows) if len(rows) <= ALL_OPEN else FEW_OPEN
    known = {
        "title": title,
        "version": __version__,
        "rows": rows,
        "opened": opened,
        "worst_first": WORST_FIRST,
        "shows": _columns(rows),
        "modes": sorted({row.mode.name for row in rows if row.outcome == "failure"}),
    }
    yield templates.get_template("head.html.j2").render(**known, overview=overview(rows), agreements=agreements)
    budget = PictureBudget(picture_bytes)
    within = 0
    article, frame = templates.get_template("article.html.j2"), templates.get_template("episode.html.j2")
    for number, row in enumerate(rows, start=1):
        view = episode_view(sources[row.index](budget.is_open), row, budget)
        within += budget.is_open
        yield frame.render(row=row, number=number, is_open=number <= opened, article=Markup(article.render(view)))
    yield templates.get_template("foot.html.j2").render(**known, within=within)


def _sources(traces: Sequence[EpisodeTrace]) -> list[Source]:
    def source(trace: EpisodeTrace) -> Source:
        return lambda _: Reported(trace, trace.name)

    return [source(trace) for trace in traces]


def _read(sources: Sequence[Source], labels: Sequence[Label]) -> tuple[list[Row], list[Agreement]]:
    said: dict[str, list[Label]] = {}
    for label in labels:
        said.setdefault(label.episode, []).append(label)
    rows, compared = [], Compared(labels)
    for index, source in enumerate(sources):
        reported = source(False)
        people = people_say([*said.get(reported.key, ()), *reported.labels])
        rows.append(Row.of(index, reported.trace, people.get(reported.key)))
        compared.add(reported)
    return worst_first(rows), compared.agreements()


def _columns(rows: Sequence[Row]) -> dict[str, bool]:
    """Which columns of the table have anything to tell."""
    return {
        "task": len({row.task for row in rows}) > 1,
        "truth": any(row.true_success is not None for row in rows),
        "people": any(row.people is not None for row in rows),
        "onset": any(row.onset_s is not None for row in rows),
        "lost": any(row.frames_lost for row in rows),
        "agrees": any(row.agrees is not None for row in rows),
    }


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("vlm_judge_ros.replay.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["seconds"] = _seconds
    environment.filters["words"] = _words
    environment.filters["value"] = _value
    environment.filters["closed"] = _closed
    environment.filters["breakable"] = _breakable
    return environment


def _closed(article: Markup) -> Markup:
    """Markup as text within a script, which a browser reads much faster; the page makes elements of it when asked.

    Text from outside holds no `<` of its own here, so nothing else looks like what is replaced.
    """
    return Markup(str(article).replace("</script", "</%script"))


def _breakable(name: str) -> Markup:
    """A name that may be broken after `_` and `-`, where a column is narrow."""
    return Markup(str(escape(name)).replace("_", "_<wbr>").replace("-", "-<wbr>"))


def _percent(value: float | None) -> str:
    return f"{value * 100:.0f} %" if value is not None and math.isfinite(value) else "not known"


def _seconds(value: float | None) -> str:
    return f"{value:.1f} s" if value is not None and math.isfinite(value) else "none"


def _words(name: str) -> str:
    return name.replace("_", " ").lower()


def _value(value: float | None) -> Any:
    """A number for the script of the page; empty where there is none."""
    return f"{value:.6g}" if value is not None and math.isfinite(value) else ""
