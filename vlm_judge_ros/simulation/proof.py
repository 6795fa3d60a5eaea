"""Which disturbances come out right in which tasks: `python -m vlm_judge_ros.simulation.proof`.

Plays every plan without pictures or measurements, which takes a small part of an episode's time, and prints one line
per task and disturbance as JSON: how many draws came out as the disturbance wants, of how many. What hardly ever does
belongs under `without` in `tasks.yaml`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys

import numpy as np

from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import rehearse, world_of
from vlm_judge_ros.simulation.plan import draw_plan
from vlm_judge_ros.simulation.tasks import TASKS, task_named

_Trial = tuple[str, Disturbance, int]


def draws_right(trial: _Trial) -> int:
    """Of so many draws of a disturbance in a task, how many come out right."""
    name, kind, draws = trial
    world, right = world_of(name), 0
    for seed in range(draws):
        rng = np.random.default_rng([800_000, seed])
        plan = draw_plan(task_named(name), kind, rng)
        right += rehearse(world, plan, int(rng.integers(2**31)), rng) is not None
    return right


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m vlm_judge_ros.simulation.proof", description=__doc__)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="tasks (default: all)")
    names = [kind.value for kind in Disturbance]
    parser.add_argument("--kinds", nargs="+", choices=names, default=names, help="disturbances (default: all)")
    parser.add_argument("--draws", type=int, default=4, help="draws of each (default: 4)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    options = parser.parse_args(arguments)
    kinds = [Disturbance(name) for name in options.kinds]
    trials = [
        (name, kind, options.draws)
        for name in options.tasks
        for kind in sorted(task_named(name).disturbances & set(kinds), key=lambda kind: kind.value)
    ]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for (name, kind, draws), right in zip(trials, pool.imap(draws_right, trials), strict=True):
            print(json.dumps({"task": name, "disturbance": kind.value, "right": right, "draws": draws}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
