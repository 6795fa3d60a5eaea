"""`vlm-judge steer-eval`: how often a noisy policy succeeds in the simulator, with and without a judge that chooses."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vlm_judge_ros import __version__
from vlm_judge_ros.closed_loop.choosers import ORACLE, POLICY, RANDOM
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.appearance.encoder import GRIDS
from vlm_judge_ros.parameters.arguments import add_parameter_arguments
from vlm_judge_ros.replay.number_arguments import number, whole_number
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.replay.scoring.interruption import exit_status, terminable
from vlm_judge_ros.simulation.camera import Variation

ROWS, PLOT, REFERENCES = "rows.json", "success.svg", "references"
_JUDGES = (ORACLE, "embedded", RANDOM)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge steer-eval`."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the episodes, the table and the plot")
    parser.add_argument(
        "--task", action="append", default=[], metavar="TASK", help="again for each (default: all of the table)"
    )
    parser.add_argument(
        "--judge",
        action="append",
        default=[],
        metavar="NAME",
        help=f"again for each: {ORACLE} (the simulator: fewest steps left for the clean expert), {RANDOM}, reference "
        f"(fitted to a few episodes of the clean expert), or any judge (default: {', '.join(_JUDGES)})",
    )
    parser.add_argument(
        "--k",
        type=whole_number(1, 64),
        nargs="+",
        default=[1, 2, 4, 8],
        help="chunks for each decision (default: 1 2 4 8); 1 is the policy alone and is played always",
    )
    parser.add_argument(
        "--episodes", type=whole_number(1, 100_000), default=100, metavar="N", help="of each cell (default: 100)"
    )
    parser.add_argument("--seed", type=whole_number(0, 400_000), default=0, help="of the first episode (default: 0)")
    parser.add_argument(
        "--prediction-noise",
        type=float,
        default=0.0,
        metavar="S",
        help="standard deviation on every joint of the predicted state, rad or m (default: 0, exact)",
    )
    parser.add_argument(
        "--prediction-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="predicted frames show what will have been so long before (default: 0)",
    )
    parser.add_argument(
        "--look",
        choices=[look.value for look in Variation],
        default=Variation.USUAL.value,
        help="what differs from the standard look of the scenes (default: usual, as in training)",
    )
    parser.add_argument(
        "--frame-steps",
        type=whole_number(1, 10),
        default=10,
        metavar="N",
        help="control steps of 0.1 s from one picture to the next; the end of a chunk has one always (default: 10)",
    )
    parser.add_argument(
        "--margin",
        type=number(0.0, 1.0),
        metavar="M",
        help="least lead of the chosen candidate, else the policy's own chunk is executed (default: as of the node)",
    )
    parser.add_argument(
        "--references", type=whole_number(1, 20), default=5, metavar="N", help="episodes for reference (default: 5)"
    )
    parser.add_argument("--encoder", default=GRIDS, metavar="NAME", help="of the judge reference, see `vlm-judge fit`")
    add_parameter_arguments(parser)
    parser.add_argument("--table", type=Path, metavar="FILE", help="noise of the policy by task (default: the shipped)")
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="FILE",
        help="find the noise for the tasks anew and write such a table; nobody is judged",
    )
    parser.add_argument("--jobs", type=whole_number(1, 256), default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR, also with more episodes")
    parser.add_argument("--json", action="store_true", help="print the rows for programs")


def run(arguments: argparse.Namespace) -> int:
    """Play what is missing, and tell what came of it; returns 0, or 128 and the number of the signal that ended it.

    Raises:
        JudgeError: it cannot be done as it was asked for.
    """
    if (arguments.out is None) == (arguments.calibrate is None):
        raise JudgeError("Name one of --out DIR, for an evaluation, and --calibrate FILE.")
    if arguments.calibrate is not None:
        return _calibrate(arguments.calibrate, arguments.task)
    try:
        with terminable():
            _play(arguments)
    except KeyboardInterrupt as interruption:
        print(f"vlm-judge: interrupted; --resume goes on with {arguments.out}", file=sys.stderr)
        return exit_status(interruption)
    return 0


def _play(arguments: argparse.Namespace) -> None:
    from vlm_judge_ros.closed_loop.records import RecordFolder
    from vlm_judge_ros.closed_loop.workers import played
    from vlm_judge_ros.simulation.world import check_graphics

    check_graphics()
    jobs = _jobs(arguments)
    folder = RecordFolder(arguments.out, _made_with(arguments), arguments.resume)
    done = {record.key for record in folder.records}
    missing = [job for job in jobs if job.key not in done]
    _fit_references(arguments, sorted({job.task.task for job in missing if job.judge == "reference"}))
    with _bar(len(jobs)) as bar:
        at = bar.add_task("steering", total=len(jobs), completed=len(jobs) - len(missing))
        for record in played(missing, arguments.jobs):
            folder.add(record)
            bar.advance(at)
    _tell(arguments, folder.records)


def _jobs(arguments: argparse.Namespace) -> list[Any]:
    """All episodes: seed by seed, so that a run that is interrupted has about as many of every cell."""
    from vlm_judge_ros.closed_loop.loop import LoopSettings
    from vlm_judge_ros.closed_loop.prediction import Imperfection
    from vlm_judge_ros.closed_loop.task_table import TABLE, chosen, read_table
    from vlm_judge_ros.closed_loop.workers import Job, RunSettings
    from vlm_judge_ros.parameters.given import given_parameters
    from vlm_judge_ros.parameters.settings import engine_settings, worker_settings
    from vlm_judge_ros.simulation.camera import CAMERAS
    from vlm_judge_ros.steering.questions import SteeringSettings
    from vlm_judge_ros.steering.selection import SelectionRules

    values = given_parameters(arguments.config, arguments.assignments).for_cameras(CAMERAS)
    imperfection = Imperfection(arguments.prediction_noise, arguments.prediction_delay)
    rules = SelectionRules() if arguments.margin is None else SelectionRules(margin=arguments.margin)
    settings = RunSettings(
        loop=LoopSettings(arguments.frame_steps, imperfection, engine_settings(values), Variation(arguments.look)),
        steering=SteeringSettings(rules=rules),
        options=worker_settings(values).options,
        references=arguments.out / REFERENCES,
    )
    judges = tuple(dict.fromkeys(arguments.judge)) or _JUDGES
    if POLICY in judges:
        raise JudgeError(f"The {POLICY} alone is K = 1 and is played always; leave --judge {POLICY} away.")
    kinds = [(POLICY, 1)] + [(judge, k) for k in sorted(set(arguments.k)) if k > 1 for judge in judges]
    tasks = chosen(read_table(arguments.table or TABLE), arguments.task)
    return [
        Job(settings, task, judge, k, seed)
        for seed in range(arguments.seed, arguments.seed + arguments.episodes)
        for task in tasks
        for judge, k in kinds
    ]


def _made_with(arguments: argparse.Namespace) -> dict[str, Any]:
    """What episodes depend on; judges, tasks, K and their number may be added to a run."""
    from vlm_judge_ros.closed_loop.task_table import TABLE, read_table
    from vlm_judge_ros.models.two_view import DESCRIPTION_FILE, EMBEDDED_FOLDER
    from vlm_judge_ros.models.vlm.file_hash import file_sha256
    from vlm_judge_ros.parameters.given import given_parameters
    from vlm_judge_ros.replay.scoring.named_files import named_files

    parameters = given_parameters(arguments.config, arguments.assignments).values
    return {
        "software_version": __version__,
        "prediction_noise": arguments.prediction_noise,
        "prediction_delay_s": arguments.prediction_delay,
        "frame_steps": arguments.frame_steps,
        "look": arguments.look,
        "margin": arguments.margin,
        "references": [arguments.references, arguments.encoder],
        "parameters": {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()},
        "files": named_files(parameters),
        # Has the hashes of its graphs.
        "embedded": file_sha256(EMBEDDED_FOLDER / DESCRIPTION_FILE)[:16],
        "policy": {name: [one.noise, one.decisions] for name, one in read_table(arguments.table or TABLE).items()},
    }


def _fit_references(arguments: argparse.Namespace, tasks: Sequence[str]) -> None:
    if not tasks or any(assignment.startswith("model=") for assignment in arguments.assignments):
        return
    from vlm_judge_ros.closed_loop.references import fit_references
    from vlm_judge_ros.closed_loop.workers import reference_file

    folder: Path = arguments.out / REFERENCES
    folder.mkdir(exist_ok=True)
    for task in tasks:
        if not reference_file(folder, task).exists():
            look = Variation(arguments.look)
            fit_references(task, arguments.references, arguments.encoder, look, reference_file(folder, task))


def _tell(arguments: argparse.Namespace, records: Sequence[Any]) -> None:
    from rich.console import Console

    from vlm_judge_ros.closed_loop.cells import cells
    from vlm_judge_ros.closed_loop.plot import plot
    from vlm_judge_ros.closed_loop.wording import table

    found = cells(records)
    rows = [cell.row() for cell in found]
    write_whole(arguments.out / ROWS, json.dumps(rows, indent=1) + "\n")
    write_whole(arguments.out / PLOT, str(plot(found)))
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(table(found))
    print(f"The rows are in {arguments.out / ROWS}, and to look at in {arguments.out / PLOT}.")


def _bar(total: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("episodes,"))
    return Progress(
        *columns,
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _calibrate(path: Path, names: Sequence[str]) -> int:
    from vlm_judge_ros.closed_loop.calibrating import calibrated
    from vlm_judge_ros.closed_loop.task_table import read_table, write_table
    from vlm_judge_ros.simulation.world import load_simulator

    load_simulator()
    tasks = []
    for name in names or list(read_table()):
        tasks.append(calibrated(name))
        print(f"{name}: noise {tasks[-1].noise:g}, {tasks[-1].decisions} chunks", file=sys.stderr)
    write_table(path, tasks)
    print(path)
    return 0
