"""`vlm-judge score`: what was recorded in, verdicts and a page to look at out. Needs no ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.labels.labels import copy_labels, read_labels
from vlm_judge_ros.replay.outputs import summary_files
from vlm_judge_ros.replay.outputs.kinds import DEFAULT_KINDS, KINDS, Kind, kinds_named, output_kind, spanning_kind
from vlm_judge_ros.replay.outputs.report_page import LABELS
from vlm_judge_ros.replay.scoring.batch import judge_found
from vlm_judge_ros.replay.scoring.interruption import exit_status, terminable
from vlm_judge_ros.replay.scoring.judge_arguments import (
    add_judge_arguments,
    add_run_arguments,
    judge_parameters,
    made_with,
)
from vlm_judge_ros.replay.scoring.result_folder import ResultFolder, finished_episodes
from vlm_judge_ros.replay.scoring.run_result import FailedEpisode, RunResult
from vlm_judge_ros.replay.scoring.scorer import ScoringSettings
from vlm_judge_ros.replay.sources.find import FindOptions, find_episodes
from vlm_judge_ros.replay.sources.source_arguments import add_source_arguments, find_options

ALL_SCORED, SOME_FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge score`."""
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder of the results; made where it is not there"
    )
    parser.add_argument(
        "--with",
        dest="kinds",
        default=",".join(DEFAULT_KINDS),
        metavar="NAMES",
        help="what to write, separated by commas: "
        + "; ".join(f"{kind.name} ({kind.text})" for kind in KINDS if kind.text)
        + " (default: %(default)s)",
    )
    add_source_arguments(parser)
    add_judge_arguments(parser)
    add_run_arguments(parser)
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=f"what people say, as `vlm-judge label` writes it; it is copied to DIR/{LABELS}, and the page compares",
    )
    parser.add_argument("--resume", action="store_true", help="leave the episodes alone that are in DIR already")
    parser.add_argument("--json", action="store_true", help="print the result for programs")


def run(arguments: argparse.Namespace) -> int:
    """Score what was recorded; returns 0 where every episode was, 1 where some were not, and more after a signal.

    Raises:
        JudgeError: nothing can be scored as it was asked for.
    """
    kinds = kinds_named(filter(None, (name.strip() for name in arguments.kinds.split(","))))
    for kind in kinds:  # what is not installed is told before hours of work
        _ = spanning_kind(kind) if kind.spans else output_kind(kind)
    parameters = judge_parameters(arguments)
    options = find_options(arguments)
    labels: Path | None = arguments.labels
    if labels is not None:  # what is wrong with it is told before hours of work
        read_labels(labels)
    out: Path = arguments.out
    try:
        with terminable(), ResultFolder(out, _made_with(kinds, parameters, options), arguments.resume) as results:
            result = _score(arguments, results, kinds, parameters, options)
    except KeyboardInterrupt as interruption:
        number = len(finished_episodes(out))
        print(f"vlm-judge: interrupted; {number} finished in {out}, and --resume goes on", file=sys.stderr)
        return exit_status(interruption)
    print(result.model_dump_json(indent=1) if arguments.json else result.sentence(out))
    result.list_failed(sys.stderr)
    return SOME_FAILED if result.failed else ALL_SCORED


def _score(
    arguments: argparse.Namespace,
    results: ResultFolder,
    kinds: Sequence[Kind],
    parameters: GivenParameters,
    options: FindOptions,
) -> RunResult:
    settings = ScoringSettings(results.path.resolve(), tuple(kind.name for kind in kinds), parameters)
    found = find_episodes(arguments.paths, options)
    result = judge_found(found, results, settings, arguments.jobs, arguments.engine)
    if arguments.labels is not None:
        copy_labels(arguments.labels, results.path / LABELS)
    result = result.model_copy(update={"failed": (*result.failed, *_write_what_spans(results.path, kinds))})
    result.write(results.path)
    return result


def _write_what_spans(folder: Path, kinds: Sequence[Kind]) -> list[FailedEpisode]:
    """Write the tables, and the outputs that are asked for; returns those that cannot be written."""
    episodes = finished_episodes(folder)
    writers = {"summary": summary_files.write}
    writers |= {kind.name: spanning_kind(kind).write for kind in kinds if kind.spans and episodes}
    failed: list[FailedEpisode] = []
    for name, write in writers.items():
        try:
            write(folder, episodes)
        except JudgeError as error:
            failed.append(FailedEpisode(episode="", origin=f"the output {name}", reason=str(error)))
    return failed


def _made_with(kinds: Sequence[Kind], parameters: GivenParameters, options: FindOptions) -> Mapping[str, Any]:
    return {**made_with(parameters, options), "with": [kind.name for kind in kinds if not kind.spans]}
