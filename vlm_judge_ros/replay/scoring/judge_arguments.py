"""The arguments that say which judge is asked and how, the same for every command that judges recordings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from vlm_judge_ros import __version__
from vlm_judge_ros.parameters.arguments import add_parameter_arguments
from vlm_judge_ros.parameters.given import GivenParameters, given_parameters
from vlm_judge_ros.parameters.parameter import Value
from vlm_judge_ros.replay.number_arguments import whole_number
from vlm_judge_ros.replay.scoring.named_files import named_files
from vlm_judge_ros.replay.scoring.result_folder import FILES
from vlm_judge_ros.replay.sources.find import FindOptions


def add_judge_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument("--judge", metavar="NAME", help="short for --set judge=NAME")
    parser.add_argument(
        "--task-file",
        action="append",
        default=[],
        metavar="FILE",
        help="a task file, again for each; see docs/tasks.md",
    )
    add_parameter_arguments(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare those on where episodes are judged, and how many at once."""
    parser.add_argument(
        "--jobs",
        type=whole_number(1, 1024),
        metavar="N",
        help="episodes that are judged at once (default: 1; on a cluster one for each processor)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="this machine, or the Ray cluster that RAY_ADDRESS names (default: %(default)s)",
    )


def judge_parameters(arguments: argparse.Namespace) -> GivenParameters:
    """Read them.

    Raises:
        JudgeError: a parameter is not known, or cannot be used.
    """
    further: dict[str, Value] = {}
    if arguments.judge:
        further["judge"] = arguments.judge
    if arguments.task_file:
        further["task_files"] = tuple(arguments.task_file)
    return given_parameters(arguments.config, arguments.assignments, further)


def made_with(parameters: GivenParameters, options: FindOptions) -> Mapping[str, Any]:
    """Everything that judged episodes depend on, as JSON."""
    scores = options.dataset.score_columns
    return {
        "software_version": __version__,
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
