"""`vlm-judge calibrate`: from labelled episodes to a calibration file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.failure_band import Signal
from vlm_judge_ros.judges.named_file import NAME
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS, parameters_for
from vlm_judge_ros.parameters.suited import suited
from vlm_judge_ros.qualify.calibrate import Wishes, calibrate
from vlm_judge_ros.qualify.functional_band import StopRule
from vlm_judge_ros.qualify.labelled_answers import labelled
from vlm_judge_ros.qualify.mapping import Method
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.labels import read_labels
from vlm_judge_ros.replay.outputs.episode_file import EPISODE, read_episode
from vlm_judge_ros.replay.outputs.report_page import LABELS
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.replay.scoring import command as score
from vlm_judge_ros.replay.scoring.result_folder import finished_episodes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge calibrate`."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="results of `vlm-judge score`; or what was recorded, which is scored first, into a folder beside the file",
    )
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="the calibration, a .json file, named as it is",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=f"what people say, as `vlm-judge label` writes it (default: {LABELS} in the results, where there is one, "
        "and what the recording says)",
    )
    parser.add_argument(
        "--false-stop-rate",
        type=_rate,
        default=0.02,
        metavar="SHARE",
        help="the share of successful episodes that may be stopped (default: %(default)g)",
    )
    parser.add_argument(
        "--method",
        choices=("auto", "isotonic", "platt"),
        default="auto",
        help="of the mappings to progress and success (default: what does best on episodes left out)",
    )
    parser.add_argument(
        "--signals",
        type=_signals,
        default=(),
        metavar="NAMES",
        help="what is held against the band, separated by commas: failure, progress, novelty; several have to be "
        "outside together (default: failure where the judge tells it, else progress)",
    )
    parser.add_argument(
        "--flat",
        action="store_true",
        help="one limit for all seconds, so that all successes set it; not for progress (default: a band over time "
        "where there are successes enough)",
    )
    defaults = parameters_for(DEFAULT_CAMERAS)
    parser.add_argument(
        "--failure-count",
        type=int,
        default=defaults["failure_count"].default,
        metavar="N",
        help="answers outside in a row that make a stop, as the node has it (default: %(default)s)",
    )
    parser.add_argument(
        "--failure-hold",
        type=float,
        metavar="SECONDS",
        help="seconds that they span, as the node's judge_failure_hold_s (default: as it suits --judge)",
    )
    parser.add_argument("--judge", metavar="NAME", help="for what has to be scored first, as of `vlm-judge score`")
    parser.add_argument("--config", type=Path, metavar="FILE", help="likewise")
    parser.add_argument(
        "--set", dest="assignments", action="append", default=[], metavar="NAME=VALUE", help="likewise, again for each"
    )
    parser.add_argument("--task-file", action="append", default=[], metavar="FILE", help="likewise, again for each")


def run(arguments: argparse.Namespace) -> int:
    """Fit a calibration, write it and say what it is worth; returns 0.

    Raises:
        JudgeError: something cannot be read or written, or the episodes do not do for a calibration.
    """
    out: Path = arguments.out
    if out.suffix != ".json" or not re.fullmatch(NAME, out.stem):
        raise JudgeError(
            f"{out.name} is no name for a calibration; it ends in .json, and before that are letters, digits, `.`, `_` "
            "and `-`."
        )
    own = suited(arguments.judge or str(parameters_for(DEFAULT_CAMERAS)["judge"].default))
    hold_s = own.failure_hold_s if arguments.failure_hold is None else arguments.failure_hold
    if arguments.failure_count < 1 or not 0.0 <= hold_s <= 3600.0:
        raise JudgeError(
            f"--failure-count is {arguments.failure_count} and --failure-hold {hold_s:g}; give 1 "
            "answer or more, and seconds from 0 to 3600."
        )
    wishes = Wishes(
        name=out.stem,
        rule=StopRule(arguments.failure_count, hold_s, arguments.false_stop_rate, arguments.flat),
        failure_threshold=own.failure_threshold,
        method=None if arguments.method == "auto" else Method(arguments.method),
        signals=arguments.signals,
    )
    folders = _scored(arguments)
    labels = _labels(arguments.labels, folders)
    episodes = labelled([read_episode(folder, pictures=False) for folder in folders], labels)
    made = calibrate(episodes, wishes)
    write_whole(out, made.calibration.model_dump_json(indent=1) + "\n")
    print("\n".join(made.told))
    print(f"{made.calibration.label}: {out}")
    print(f"To use it: calibration:={out.resolve()}, as a parameter of the node or with --set of `vlm-judge score`.")
    return 0


def _scored(arguments: argparse.Namespace) -> list[Path]:
    """Folders of judged episodes; what is not judged yet is judged first."""
    folders: list[Path] = []
    recorded: list[Path] = []
    for path in arguments.paths:
        found = [path] if (path / EPISODE).is_file() else finished_episodes(path)
        if found:
            folders += found
        elif not path.exists():
            raise JudgeError(f"There is nothing at {path}; name results of `vlm-judge score`, or what was recorded.")
        else:
            recorded.append(path)
    if recorded:
        results = arguments.out.with_suffix(".scored")
        _score(arguments, recorded, results)
        folders += finished_episodes(results)
    return folders


def _score(arguments: argparse.Namespace, recorded: Sequence[Path], results: Path) -> None:
    words = [*map(str, recorded), "--out", str(results)]
    words += ["--resume"] if results.exists() else []
    words += ["--judge", arguments.judge] if arguments.judge else []
    words += ["--config", str(arguments.config)] if arguments.config else []
    for option, values in (("--set", arguments.assignments), ("--task-file", arguments.task_file)):
        for value in values:
            words += [option, value]
    parser = argparse.ArgumentParser(prog="vlm-judge score")
    score.add_arguments(parser)
    if score.run(parser.parse_args(words)) != score.ALL_SCORED:
        raise JudgeError(
            f"Not all episodes could be scored, see above; mend or leave out those, or calibrate {results}."
        )


def _labels(path: Path | None, folders: Sequence[Path]) -> tuple[Label, ...]:
    if path is not None:
        return read_labels(path)
    files = sorted({folder.parent / LABELS for folder in folders if (folder.parent / LABELS).is_file()})
    return tuple(label for file in files for label in read_labels(file))


def _rate(text: str) -> float:
    rate = float(text)
    if not 0.0 < rate <= 0.5:
        raise argparse.ArgumentTypeError(f"{text} is not above 0, and 0.5 at most")
    return rate


def _signals(text: str) -> tuple[Signal, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [signal.value for signal in Signal]
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise argparse.ArgumentTypeError(f"{text!r} does not name some of {', '.join(known)}, each once")
    return tuple(Signal(name) for name in names)
