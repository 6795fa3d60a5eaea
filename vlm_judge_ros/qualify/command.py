"""`vlm-judge qualify`: labelled episodes in, the card of a judge out. Needs no ROS."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import JudgeCard
from vlm_judge_ros.qualify.card_page import write_card_page
from vlm_judge_ros.qualify.carding import card_name, judge_card
from vlm_judge_ros.qualify.comparing import compare_folders
from vlm_judge_ros.qualify.judging import DEFAULT_CONTROLS, controls_named, judge_labelled
from vlm_judge_ros.qualify.kept import read_kept
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.qualify.thresholds import DEFAULT, Thresholds, load_thresholds
from vlm_judge_ros.qualify.wording import GROUPS, HEADLINES, Line, few
from vlm_judge_ros.replay.labels.labels import copy_labels, read_labels
from vlm_judge_ros.replay.outputs.report_page import LABELS
from vlm_judge_ros.replay.outputs.whole_file import make_folder, write_whole
from vlm_judge_ros.replay.scoring.interruption import exit_status, terminable
from vlm_judge_ros.replay.scoring.judge_arguments import add_judge_arguments, add_run_arguments
from vlm_judge_ros.replay.scoring.result_folder import finished_episodes
from vlm_judge_ros.replay.scoring.run_result import RunResult
from vlm_judge_ros.replay.sources.source_arguments import add_source_arguments

CARD, PAGE = "judge_card.json", "judge_card.html"
ALL_JUDGED, SOME_FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge qualify`."""
    add_source_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the card and of the judged episodes; with --from, of the card alone; with --compare, of the "
        "table",
    )
    parser.add_argument(
        "--from",
        dest="scored",
        type=Path,
        metavar="DIR",
        help="make the card of episodes that were judged before by `vlm-judge qualify` or `vlm-judge score`, anew and "
        "into the same folder or that of --out; no judge is asked",
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("DIR", "DIR"),
        help="set two qualified judges side by side, on the episodes that both were shown",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=f"what people say, as `vlm-judge label` writes it; it is copied to DIR/{LABELS} and read from there again",
    )
    parser.add_argument(
        "--controls",
        default=DEFAULT_CONTROLS,
        metavar="NAMES",
        help=f"of {', '.join(control.value for control in Control)}, separated by commas, or none "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--wrong-task",
        action="append",
        default=[],
        metavar="TEXT",
        help="an instruction for the control wrong_task, again for each (default: those of the other episodes)",
    )
    parser.add_argument(
        "--thresholds",
        default=DEFAULT,
        metavar="FILE",
        help="what a judge has to be worth for each use, a YAML file (default: %(default)s, the shipped one)",
    )
    parser.add_argument("--name", default="", metavar="NAME", help="name of the card (default: that of its folder)")
    add_judge_arguments(parser)
    add_run_arguments(parser)
    parser.add_argument("--resume", action="store_true", help="leave the episodes alone that are in DIR already")
    parser.add_argument("--json", action="store_true", help="print the card for programs")


def run(arguments: argparse.Namespace) -> int:
    """Qualify a judge; returns 0 where every episode was judged, 1 where some were not, and more after a signal.

    Raises:
        JudgeError: the judge cannot be qualified as it was asked for.
    """
    _refuse_mixed(arguments)
    if arguments.compare:
        first, second = arguments.compare
        return compare_folders(first, second, arguments.out, arguments.json)
    thresholds = load_thresholds(arguments.thresholds)
    if arguments.labels is not None:  # what is wrong with it is told before hours of work
        read_labels(arguments.labels)
    result: RunResult | None = None
    unlabelled: tuple[str, ...] = ()
    if arguments.scored is None:
        controls = controls_named(arguments.controls)
        try:
            with terminable():
                result, unlabelled = judge_labelled(arguments, controls)
        except KeyboardInterrupt as interruption:
            number = len(finished_episodes(arguments.out))
            print(
                f"vlm-judge: interrupted; {number} finished in {arguments.out}, and --resume goes on", file=sys.stderr
            )
            return exit_status(interruption)
        result.list_failed(sys.stderr)
    folder: Path = arguments.out if arguments.scored is None else arguments.scored
    if not finished_episodes(folder) and result is not None and result.failed:
        raise JudgeError("No episode could be judged, so there is no card; mend what failed and give --resume.")
    out: Path = arguments.out or folder
    card = _write_card(folder, out, arguments, thresholds, unlabelled)
    print(json.dumps(card_for_programs(card), indent=1) if arguments.json else "\n".join(_told(card, out)))
    return SOME_FAILED if result is not None and result.failed else ALL_JUDGED


def card_for_programs(card: JudgeCard) -> dict[str, object]:
    """The figures of a card at the top level, beside what tells which card it is."""
    shown = card.model_dump(mode="json", include={"name", "judge", "episodes", "tasks", "fit_for", "not_fit_for"})
    return {**shown, **{name: figure.model_dump(mode="json") for name, figure in card.figures.items()}}


def _write_card(
    folder: Path, out: Path, arguments: argparse.Namespace, thresholds: Thresholds, unlabelled: Sequence[str]
) -> JudgeCard:
    places = (arguments.labels, out / LABELS, folder / LABELS)
    given = next((place for place in places if place is not None and place.is_file()), None)
    kept = read_kept(folder, read_labels(given) if given is not None else ())
    make_folder(out)
    if given is not None:
        copy_labels(given, out / LABELS)
    kept = replace(kept, unlabelled=tuple(sorted({*kept.unlabelled, *unlabelled})))
    card = judge_card(kept, arguments.name or card_name(out), thresholds)
    write_whole(out / CARD, card.model_dump_json(indent=1) + "\n")
    write_card_page(out / PAGE, card, kept.episodes)
    return card


def _told(card: JudgeCard, folder: Path) -> list[str]:
    """The card for a person at a terminal."""
    lines = [f"{card.label}: {card.judge.model} on {card.episodes} episodes of {len(card.tasks)} tasks", ""]
    named = [name for group in GROUPS.values() for name in group if name in HEADLINES]
    for name in named:
        line = Line.of(name, card.figures[name])
        interval = f"{line.interval}, n = {line.n}" if line.interval else line.reason
        lines.append(f"  {line.words:<44} {line.value or 'not known':>9}  ({interval})")
    lines += ["", *card.fit_for, *card.not_fit_for, ""]
    if card.unlabelled:
        lines.append(f"{len(card.unlabelled)} episodes are not labelled and not used: {few(card.unlabelled)}.")
    lines.append(f"The card is {folder / CARD}, and to look at {folder / PAGE}.")
    return lines


def _refuse_mixed(arguments: argparse.Namespace) -> None:
    recorded = bool(arguments.paths or arguments.video)
    ways = [recorded, arguments.scored is not None, arguments.compare is not None]
    if sum(ways) != 1:
        raise JudgeError(
            "Name one of: recordings with --out DIR, --from DIR with judged episodes, or --compare DIR DIR with two "
            "qualified judges."
        )
    if recorded and arguments.out is None:
        raise JudgeError("The card needs a folder; give it with --out DIR.")
