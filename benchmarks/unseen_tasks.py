"""Simulated episodes of the tasks that the embedded judge is never trained on, made once and kept as files.

    MUJOCO_GL=egl python benchmarks/unseen_tasks.py --out episodes --first-seed 650000 --jobs 2

Needs the extra `simulate`. A file is written whole or not at all, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vlm_judge_ros.simulation.dataset import arrays_of
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeSpec, simulate_episode
from vlm_judge_ros.simulation.seed_files import Outcome, make_file, make_files
from vlm_judge_ros.simulation.tasks import LEFT_OUT_TASKS, TASKS

REFERENCES = 5
"""Successes of each task that a judge is fitted on."""
REFERENCE_SEEDS = 8
"""So many seeds are tried for them, because the expert of a task may fail; what one too many gave is not used."""
FRAME_STEPS = 5
"""Control steps between pictures: one in half a second."""
SIZE_PX = 128
SEEDS_PER_TASK = 1000

_GOOD = (Disturbance.NONE, Disturbance.PAUSE, Disturbance.NONE, Disturbance.SLOW)


def plans(first_seed: int, good: int, bad: int) -> Iterator[EpisodeSpec]:
    """What is simulated: of each task the references, then good and bad episodes in turn.

    Args:
        first_seed: seeds count up from here, `SEEDS_PER_TASK` for each task.
        good: successes of each task beside its references, half of them with a pause or slow.
        bad: failures of each task, all that can happen in it equally often.
    """
    rows = [_of_task(name, first_seed + SEEDS_PER_TASK * index, good, bad) for index, name in enumerate(LEFT_OUT_TASKS)]
    # All tasks grow alike, so that what is there after an interruption is of use.
    for turn in range(max(len(row) for row in rows)):
        yield from (row[turn] for row in rows if turn < len(row))


def _of_task(name: str, seed: int, good: int, bad: int) -> list[EpisodeSpec]:
    possible = TASKS[name].disturbances
    benign = [kind for kind in _GOOD if kind in possible]
    failing = sorted((kind for kind in possible if not kind.is_benign), key=lambda kind: kind.value)
    kinds = [Disturbance.NONE] * REFERENCE_SEEDS
    for turn in range(max(good, bad)):
        kinds += [benign[turn % len(benign)]] if turn < good else []
        kinds += [failing[turn % len(failing)]] if turn < bad else []
    return [
        EpisodeSpec(name, seed + offset, kind, 160, 120, FRAME_STEPS, FRAME_STEPS) for offset, kind in enumerate(kinds)
    ]


def make(folder: Path, first_seed: int, good: int, bad: int, jobs: int) -> int:
    """Simulate what is not in the folder yet, in so many processes; returns the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    return make_files(_make, [(spec, folder) for spec in plans(first_seed, good, bad)], jobs)


def _make(job: tuple[EpisodeSpec, Path]) -> Outcome:
    spec, folder = job
    return make_file(folder, spec.seed, lambda: arrays_of(simulate_episode(spec), SIZE_PX))


def main() -> int:
    """Make the episodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first-seed", type=int, default=650_000)
    parser.add_argument("--good", type=int, default=8, help="successes of each task beside its references")
    parser.add_argument("--bad", type=int, default=8, help="failures of each task")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    return make(options.out, options.first_seed, options.good, options.bad, options.jobs)


if __name__ == "__main__":
    # One thread draws as fast as several do, and leaves the others alone.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    sys.exit(main())
