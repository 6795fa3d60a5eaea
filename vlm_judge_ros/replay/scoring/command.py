"""`vlm-judge score`: what was recorded in, verdicts and a page to look at out. Needs no ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_judge_ros import __version__
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.given import GivenParameters, given_parameters
from vlm_judge_ros.parameters.parameter import Value
from vlm_judge_ros.replay.labels.labels import copy_labels, read_labels
from vlm_judge_ros.replay.outputs import summary_files
from vlm_judge_ros.replay.outputs.kinds import DEFAULT_KINDS, KINDS, Kind, kinds_named, output_kind, spanning_kind
from vlm_judge_ros.replay.outputs.report_page import LABELS
from vlm_judge_ros.replay.scoring.interruption import exit_status, terminable
from vlm_judge_ros.replay.scoring.named_files import named_files
from vlm_judge_ros.replay.scoring.progress import Progress
from vlm_judge_ros.replay.scoring.ray_engine import score_on_ray
from vlm_judge_ros.replay.scoring.result_folder import FILES, ResultFolder, finished_episodes
from vlm_judge_ros.replay.scoring.run import score_all
from vlm_judge_ros.replay.scoring.run_result import FailedEpisode, RunResult
from vlm_judge_ros.replay.scoring.scorer import ScoringSettings
from vlm_judge_ros.replay.sources.find import FindOptions, find_episodes
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
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
    parser.add_argument("--judge", metavar="NAME", help="short for --set judge=NAME")
    parser.add_argument(
        "--task-file",
        action="append",
        default=[],
        metavar="FILE",
        help="a task file, again for each; see docs/tasks.md",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="parameters, as a judge node takes them")
    parser.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the judge, again for each; see docs/parameters.md",
    )
    parser.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="episodes that are judged at once (default: 1; on a cluster one for each processor)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="this machine, or the Ray cluster that RAY_ADDRESS names (default: %(default)s)",
    )
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
    parameters = _parameters(arguments)
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
    found = find_episodes(arguments.paths, options)
    failed = [FailedEpisode(episode="", origin=one.origin, reason=one.reason) for one in found.unreadable]
    before: list[str] = []
    waiting: dict[str, RecordedEpisode] = {}
    for episode in found.episodes:
        described = episode.description
        try:
            if results.is_finished(described):
                before.append(described.key)
            else:
                waiting[described.key] = episode
        except JudgeError as error:
            failed.append(FailedEpisode(episode=described.key, origin=described.origin, reason=str(error)))
    settings = ScoringSettings(results.path.resolve(), tuple(kind.name for kind in kinds), parameters)
    with Progress(episode.description for episode in waiting.values()) as progress:
        score = score_on_ray if arguments.engine == "ray" else score_all
        outcome = score(list(waiting.values()), settings, arguments.jobs, progress)
    for key, failure in outcome.failed.items():
        origin = waiting[key].description.origin
        failed.append(FailedEpisode(episode=key, origin=origin, reason=failure.reason, detail=failure.detail))
    if arguments.labels is not None:
        copy_labels(arguments.labels, results.path / LABELS)
    failed += _write_what_spans(results.path, kinds)
    result = RunResult(
        folder=str(results.path.resolve()),
        scored=outcome.scored,
        finished_before=tuple(before),
        failed=tuple(failed),
        left=outcome.left,
    )
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


def _jobs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1024:
        raise ValueError
    return number


def _parameters(arguments: argparse.Namespace) -> GivenParameters:
    further: dict[str, Value] = {}
    if arguments.judge:
        further["judge"] = arguments.judge
    if arguments.task_file:
        further["task_files"] = tuple(arguments.task_file)
    return given_parameters(arguments.config, arguments.assignments, further)


def _made_with(kinds: Sequence[Kind], parameters: GivenParameters, options: FindOptions) -> Mapping[str, Any]:
    scores = options.dataset.score_columns
    return {
        "software_version": __version__,
        "with": [kind.name for kind in kinds if not kind.spans],
        "task": options.task,
        "cameras": dict(options.cameras),
        "bags": dict(options.bags.told) if options.bags is not None else {},
        "joint_unit": options.dataset.joint_unit.value,
        "chunk_s": options.dataset.chunk_s,
        "truth_columns": list(options.dataset.truth_columns),
        "score_columns": None if scores is None else [f"{one.name}={one.low:g}:{one.high:g}" for one in scores],
        "parameters": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in sorted(parameters.values.items())
        },
        FILES: named_files(parameters.values),
    }
