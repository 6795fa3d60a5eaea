"""`vlm-judge simulate`: simulated episodes as bags, with their ground truth."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.tasks import TASKS, task_named

_SIZE = re.compile(r"(\d+)x(\d+)")
_SMALLEST, _LARGEST = 32, 2048
_OUTCOMES = {
    "any": frozenset(Disturbance),
    "success": frozenset(kind for kind in Disturbance if kind.is_benign),
    "failure": frozenset(kind for kind in Disturbance if not kind.is_benign),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--task", default="any", choices=["any", *TASKS], metavar="TASK", help=f"any, {', '.join(TASKS)} (default: any)"
    )
    parser.add_argument(
        "--outcome",
        "--disturbance",
        dest="outcome",
        default="any",
        choices=[*_OUTCOMES, *(kind.value for kind in Disturbance)],
        metavar="OUTCOME",
        help="any, success, failure, or what happens to the robot: "
        + ", ".join(kind.value for kind in Disturbance)
        + " (default: any)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the first episode; the next ones count on (default: 0)"
    )
    parser.add_argument("--count", type=int, default=1, help="number of episodes (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("episodes"), help="folder in which each bag gets its own (default: episodes)"
    )
    parser.add_argument("--size", default="320x240", help="size of the pictures in pixels (default: 320x240)")
    parser.add_argument("--quality", type=int, default=80, help="JPEG quality, 1 to 100 (default: 80)")


def run(arguments: argparse.Namespace) -> int:
    """Simulate and write the bags; return the exit status.

    Raises:
        JudgeError: an argument is out of range, a bag exists, or the simulator cannot be used.
    """
    width, height = _size(arguments.size)
    if arguments.count < 1:
        raise JudgeError(f"--count {arguments.count} is too small; ask for 1 episode or more.")
    if arguments.seed < 0:
        raise JudgeError(f"--seed {arguments.seed} is negative; choose 0 or more.")
    if not 1 <= arguments.quality <= 100:
        raise JudgeError(f"--quality {arguments.quality} is out of range; choose 1 to 100.")

    from rich.progress import track

    from vlm_judge_ros.simulation.bag import episode_name, write_bag
    from vlm_judge_ros.simulation.episode import EpisodeSpec, simulate_episode
    from vlm_judge_ros.simulation.world import check_graphics

    specs = []
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        task, disturbance = _choose(arguments.task, arguments.outcome, seed)
        specs.append(EpisodeSpec(task, seed, disturbance, width, height))
    folders = [arguments.out / episode_name(spec) for spec in specs]
    for folder in folders:
        if folder.exists():
            raise JudgeError(f"{folder} exists; remove it or choose another folder with --out.")
    check_graphics()
    for spec, folder in track(list(zip(specs, folders, strict=True)), description="Simulating"):
        write_bag(simulate_episode(spec), folder, arguments.quality)
    for folder in folders:
        print(folder)
    return 0


def _choose(task: str, outcome: str, seed: int) -> tuple[str, Disturbance]:
    """Fill in what was left open, by the seed."""
    rng = np.random.default_rng([seed, 21])
    if outcome in _OUTCOMES:
        able = frozenset(Disturbance) if task == "any" else task_named(task).disturbances
        possible = [kind for kind in Disturbance if kind in able & _OUTCOMES[outcome]]
        kind = possible[rng.integers(len(possible))]
    else:
        kind = Disturbance(outcome)
    if task != "any":
        return task, kind
    tasks = [name for name, candidate in TASKS.items() if kind in candidate.disturbances]
    return tasks[rng.integers(len(tasks))], kind


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (_SMALLEST <= width <= _LARGEST and _SMALLEST <= height <= _LARGEST):
        raise JudgeError(
            f"--size {text} is not WIDTHxHEIGHT with {_SMALLEST} to {_LARGEST} pixels each; write for example 320x240."
        )
    return width, height
