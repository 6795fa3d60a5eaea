"""Simulated episodes of ten tasks that the first embedded judge was never trained on, made once and kept as files.

    MUJOCO_GL=egl python benchmarks/unseen_tasks.py --out episodes --first-seed 650000

Needs the extra `simulate`. A file is written whole or not at all, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.dataset import arrays_of
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeSpec, simulate_episode
from vlm_judge_ros.simulation.seed_files import KEPT, MADE, make_file
from vlm_judge_ros.simulation.tasks import TASKS

REFERENCES = 5
FRAME_STEPS = 5
"""Control steps between pictures: one in half a second."""
SIZE_PX = 128
SEEDS_PER_TASK = 1000

_GOOD = (Disturbance.NONE, Disturbance.PAUSE, Disturbance.NONE, Disturbance.SLOW)

UNSEEN = (
    "shelf-place",
    "sweep",
    "coffee-push",
    "peg-unplug-side",
    "window-close",
    "door-close",
    "faucet-close",
    "handle-pull",
    "coffee-button",
    "plate-slide-back",
)
"""None of them is among the ten that the first embedded model was trained on."""


def plans(first_seed: int, good: int, bad: int) -> Iterator[EpisodeSpec]:
    """What is simulated: of each task the references, then good and bad episodes in turn.

    Args:
        first_seed: seeds count up from here, `SEEDS_PER_TASK` for each task.
        good: successes of each task beside its references, half of them with a pause or slow.
        bad: failures of each task, all that can happen in it equally often.
    """
    rows = [_of_task(name, first_seed + SEEDS_PER_TASK * index, good, bad) for index, name in enumerate(UNSEEN)]
    # All tasks grow alike, so that what is there after an interruption is of use.
    for turn in range(max(len(row) for row in rows)):
        yield from (row[turn] for row in rows if turn < len(row))


def _of_task(name: str, seed: int, good: int, bad: int) -> list[EpisodeSpec]:
    possible = TASKS[name].disturbances
    benign = [kind for kind in _GOOD if kind in possible]
    failing = sorted((kind for kind in possible if not kind.is_benign), key=lambda kind: kind.value)
    kinds = [Disturbance.NONE] * REFERENCES
    for turn in range(max(good, bad)):
        kinds += [benign[turn % len(benign)]] if turn < good else []
        kinds += [failing[turn % len(failing)]] if turn < bad else []
    return [
        EpisodeSpec(name, seed + offset, kind, 160, 120, FRAME_STEPS, FRAME_STEPS) for offset, kind in enumerate(kinds)
    ]


def make(folder: Path, first_seed: int, good: int, bad: int) -> int:
    """Simulate what is not in the folder yet; returns how many episodes could not be simulated.

    Raises:
        JudgeError: the simulator cannot be used here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    specs = plans(first_seed, good, bad)
    outcomes = [make_file(folder, spec.seed, partial(_arrays, spec)) for spec in specs]
    return sum(outcome not in (KEPT, MADE) for _, outcome in outcomes)


def _arrays(spec: EpisodeSpec) -> dict[str, NDArray[np.generic]]:
    return arrays_of(simulate_episode(spec), SIZE_PX)


def main() -> int:
    """Make the episodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first-seed", type=int, default=650_000)
    parser.add_argument("--good", type=int, default=8, help="successes of each task beside its references")
    parser.add_argument("--bad", type=int, default=8, help="failures of each task")
    options = parser.parse_args()
    failed = make(options.out, options.first_seed, options.good, options.bad)
    print(f"{len(list(options.out.glob('*.npz')))} episodes in {options.out}; {failed} could not be simulated now")
    return 0


if __name__ == "__main__":
    # One thread draws as fast as several do, and leaves the others alone.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    sys.exit(main())
