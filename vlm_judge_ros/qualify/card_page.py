"""The card of a judge as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.card import CardFigure, JudgeCard
from vlm_judge_ros.qualify.drawings import interval_bar, intervals, reliability
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.qualify.wording import GROUPS, HEADLINES, Line, ends, words_of
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.replay.page.distribution import histogram, summary

_CONTROLS = ("voc", "voc_static", "voc_reversed", "voc_shuffled", "voc_wrong_task", "voc_clock", "voc_truth")
_OF_MODES = ("failure_recall", "found_within_2_s", "onset_delay_s", "failure_mode_accuracy", "success_auroc")


def write_card_page(path: Path, card: JudgeCard, episodes: Sequence[QualifiedEpisode]) -> None:
    """Write the page.

    Args:
        path: of the page.
        card: what it shows.
        episodes: those that the card rests on, for what is drawn of single ones.

    Raises:
        JudgeError: it cannot be written.
    """
    write_whole(path, render_card(card, episodes))


def render_card(card: JudgeCard, episodes: Sequence[QualifiedEpisode]) -> str:
    """The page as text; arguments as of `write_card_page`."""
    delays = [delay for episode in episodes if (delay := _delay_s(episode)) is not None]
    return (
        _templates()
        .get_template("card.html.j2")
        .render(
            card=card,
            groups=_groups(card.figures),
            controls=intervals("Value-order correlation", _known(card.figures, _CONTROLS)),
            reliability=reliability(_claims(episodes)),
            delays=histogram("Delay from onset to detection", {"failure": delays}, "s") if delays else None,
            delays_summary=summary(delays, "s"),
            confusion=_confusion(card.confusion),
            tables=[
                _table("Per task", "task", card.per_task, HEADLINES),
                _table("Per failure mode", "failure mode", card.per_failure_mode, _OF_MODES),
                _table("Per set of cameras", "cameras", card.per_camera_set, HEADLINES),
            ],
            provenance=_provenance(card),
        )
    )


def _groups(figures: Mapping[str, CardFigure]) -> list[dict[str, Any]]:
    named = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "Further": tuple(name for name in figures if name not in named)}
    return [
        {
            "title": title,
            "lines": [
                {"line": Line.of(name, figures[name]), "bar": interval_bar(figures[name], ends(name))}
                for name in names
                if name in figures
            ],
        }
        for title, names in groups.items()
        if any(name in figures for name in names)
    ]


def _known(figures: Mapping[str, CardFigure], names: Sequence[str]) -> list[tuple[str, CardFigure]]:
    return [
        (words_of(name).removeprefix("value-order correlation "), figures[name])
        for name in names
        if name in figures and figures[name].value is not None
    ]


def _claims(episodes: Sequence[QualifiedEpisode]) -> list[tuple[float, bool]]:
    """The probability of success in the last answer of each episode, and whether it was one."""
    return [
        (probability, episode.success)
        for episode in episodes
        if episode.success is not None
        and episode.trace.answers
        and (probability := episode.trace.answers[-1].success_probability) == probability
    ]


def _delay_s(episode: QualifiedEpisode) -> float | None:
    recognised_s = episode.trace.recognised_s
    if episode.success is not False or episode.onset_s is None or recognised_s is None:
        return None
    return recognised_s - episode.onset_s


def _confusion(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    present = {*counts, *(judged for row in counts.values() for judged in row)}
    modes = [mode.name for mode in FailureMode if mode.name in present]
    rows = [
        {"name": true, "cells": [(counts[true].get(judged, 0), judged == true) for judged in modes]}
        for true in modes
        if true in counts
    ]
    return {"modes": modes, "rows": rows}


def _table(title: str, of: str, parts: Mapping[str, Mapping[str, CardFigure]], names: Sequence[str]) -> dict[str, Any]:
    shown = [name for name in names if any(name in figures for figures in parts.values())]
    rows = [
        {"name": part, "lines": [Line.of(name, figures[name]) if name in figures else None for name in shown]}
        for part, figures in parts.items()
    ]
    return {"title": title, "of": of, "heads": [words_of(name) for name in shown], "rows": rows}


def _provenance(card: JudgeCard) -> dict[str, str]:
    judge = card.judge
    lines = {
        "model": f"{judge.model} {judge.model_hash}".strip(),
        "runs on": card.runs_on,
        "method": judge.method,
        "prompts": judge.prompt_hash,
        "calibration": judge.calibration,
        "thresholds": card.thresholds,
        "card": card.label,
        "software": f"vlm_judge_ros {card.software_version}",
        "not labelled, not used": f"{len(card.unlabelled)}: {', '.join(card.unlabelled)}" if card.unlabelled else "",
    }
    return {label: text for label, text in lines.items() if text}


def _templates() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("vlm_judge_ros.qualify"), PackageLoader("vlm_judge_ros.replay.page")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = lambda name: name.replace("_", " ").lower()
    return environment
