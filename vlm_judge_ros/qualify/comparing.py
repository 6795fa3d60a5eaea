"""`vlm-judge qualify --compare`: two qualified judges side by side, on the episodes that both were shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import CardFigure, read_card
from vlm_judge_ros.qualify.compare import Comparison, compare
from vlm_judge_ros.qualify.kept import Kept, read_kept
from vlm_judge_ros.qualify.wording import interval_in_words, number, value_in_words, words_of
from vlm_judge_ros.replay.labels.labels import read_labels
from vlm_judge_ros.replay.outputs.report_page import LABELS
from vlm_judge_ros.replay.outputs.whole_file import make_folder, write_whole

CARD = "judge_card.json"
COMPARISON, TABLE = "comparison.json", "comparison.md"


def compare_folders(first: Path, second: Path, out: Path | None, as_json: bool) -> int:
    """Print the figures of two judges and their paired differences, and write both forms where a folder is named.

    Returns 0.

    Raises:
        JudgeError: a folder holds no qualified judge, they share no episode, or something cannot be written.
    """
    one, two = _read(first), _read(second)
    common = {episode.key for episode in one[1].episodes} & {episode.key for episode in two[1].episodes}
    if not common:
        raise JudgeError(
            f"{first} and {second} share no labelled episode; qualify both judges on the same recordings, in the same "
            "order, so that the episodes have the same keys."
        )
    _refuse_other_truth(one[1], two[1], common)
    found = compare(one[1].episodes, two[1].episodes)
    names = one[0], two[0]
    left_out = len(one[1].episodes) + len(two[1].episodes) - 2 * len(common)
    content = json.dumps(_for_programs(names, (one[1], two[1]), len(common), found), indent=1) + "\n"
    table = _table(names, len(common), found)
    if out is not None:
        make_folder(out)
        write_whole(out / COMPARISON, content)
        write_whole(out / TABLE, table)
    if left_out:
        print(f"vlm-judge: {left_out} episodes that only one of both was shown are left out", file=sys.stderr)
    print(content if as_json else table, end="")
    return 0


def _read(folder: Path) -> tuple[str, Kept]:
    card = read_card(folder / CARD)
    labels = read_labels(folder / LABELS) if (folder / LABELS).is_file() else ()
    return card.name, read_kept(folder, labels)


def _refuse_other_truth(one: Kept, two: Kept, common: set[str]) -> None:
    """What is true of an episode cannot depend on who judges it."""
    other = {episode.key: episode for episode in two.episodes}
    for episode in one.episodes:
        if episode.key not in common:
            continue
        theirs = other[episode.key]
        here = episode.task, episode.trace.started_ns, episode.success, episode.score, dict(episode.preferred)
        there = theirs.task, theirs.trace.started_ns, theirs.success, theirs.score, dict(theirs.preferred)
        if here != there:
            raise JudgeError(
                f"The episode {episode.key} is not the same for both judges: task, start, success, score and "
                f"preferences are {here} for the one and {there} for the other; qualify both on the same recordings "
                "and labels."
            )


def _for_programs(
    names: tuple[str, str], kept: tuple[Kept, Kept], episodes: int, found: Mapping[str, Comparison]
) -> dict[str, object]:
    def told(figure: CardFigure) -> dict[str, object]:
        return figure.model_dump(mode="json")

    return {
        "first": {"name": names[0], "judge": kept[0].judge.model_dump(mode="json")},
        "second": {"name": names[1], "judge": kept[1].judge.model_dump(mode="json")},
        "episodes": episodes,
        "figures": {
            name: {"first": told(one.first), "second": told(one.second), "difference": told(one.difference)}
            for name, one in found.items()
        },
    }


def _table(names: tuple[str, str], episodes: int, found: Mapping[str, Comparison]) -> str:
    first, second = names if names[0] != names[1] else (f"{names[0]} (first)", f"{names[1]} (second)")
    rows: list[tuple[str, ...]] = [("figure", first, second, "difference (95 % interval, n)", "apart")]
    for name, one in found.items():
        if one.first.value is None and one.second.value is None:
            continue
        difference = one.difference
        known = difference.value is not None
        interval = f" ({interval_in_words(difference)})" if known else ""
        low, high = difference.low, difference.high
        apart = low is not None and high is not None and not low <= 0.0 <= high
        rows.append(
            (
                words_of(name),
                _value(name, one.first),
                _value(name, one.second),
                f"{number(difference.value) if known else 'not known'}{interval}",
                "yes" if apart else "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * max(width, 3) for width in widths) + " |")
    head = f"{first} and {second} on the {episodes} labelled episodes of both; first minus second, paired by episode."
    return f"{head}\n\n" + "\n".join(lines) + "\n"


def _value(name: str, figure: CardFigure) -> str:
    return value_in_words(name, figure.value) if figure.value is not None else "not known"
