"""Writes decisions between chunks for training: `python -m vlm_judge_ros.closed_loop.decision_dataset`.

An episode of the closed loop (`loop.py`) is played with a policy that errs more or less, and of each decision is kept
what every chunk would lead to. One file `SEED.npz` per episode, written whole or not at all. For D decisions between K
chunks, each a second long:

- `left` int (D, K): control steps that the clean expert needs after each chunk; at most `longest`, 0 where the chunk
  itself reaches success;
- `longest`, `clean_steps` int: that limit; steps that the clean expert needs from the start of the episode;
- `stamps_s` float (D,): seconds from the start at each decision;
- `front`, `wrist` uint8 (N,), `front_ends`, `wrist_ends` int64 (D * (1 + K),): JPEG images one after another, and where
  each ends; for each decision the present one and then the last of each chunk;
- `task`, `instruction` str; `seed` int.

`vlm-judge steer-eval` never plays these seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.closed_loop.choosers import Decision, Pick
from vlm_judge_ros.closed_loop.loop import PATIENCE, LoopSettings, Scene
from vlm_judge_ros.closed_loop.task_table import LoopTask
from vlm_judge_ros.simulation.camera import CAMERAS
from vlm_judge_ros.simulation.seed_files import Outcome, encode_square, joined, make_file, make_files
from vlm_judge_ros.simulation.tasks import TRAINED_TASKS

FIRST_SEED = 500_000
"""Seeds below belong to `vlm-judge steer-eval`."""

_SIZE_PX = 96
_DECISIONS = 14
_NOISE = (0.1, 0.8)


class Recording:
    """Chooses the best chunk or any, as a coin falls, so that good states and bad ones come up; keeps what it saw.

    Args:
        seed: of the coin.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = np.random.default_rng([seed, 73])
        self._pictures: dict[str, list[NDArray[np.uint8]]] = {camera: [] for camera in CAMERAS}
        self._left: list[list[int]] = []
        self._stamps_s: list[float] = []
        self._instruction = ""
        self._longest = 0

    def choose(self, decision: Decision) -> Pick:
        """Choose, and keep the pictures and the steps that are left after each chunk."""
        evidence, request = decision.evidence(), decision.request()
        for camera, kept in self._pictures.items():
            futures = [[one.image for one in each.frames if one.camera == camera] for each in request.candidates]
            present = evidence.keyframes[camera][-1].frame.image
            kept.extend(encode_square(image.rgb(), _SIZE_PX) for image in (present, *(seen[-1] for seen in futures)))
        self._left.append([decision.steps_left(index, decision.longest) for index in range(decision.count)])
        self._stamps_s.append(evidence.elapsed_s)
        self._instruction, self._longest = evidence.task, decision.longest
        best, any_of_them = int(np.argmin(self._left[-1])), int(self._random.integers(decision.count))
        return Pick(best if self._random.random() < 0.5 else any_of_them, 0.0)

    def arrays(self, task: str) -> dict[str, NDArray[np.generic]]:
        """What the file holds."""
        arrays: dict[str, NDArray[np.generic]] = {
            "left": np.array(self._left),
            "longest": np.array(self._longest),
            "clean_steps": np.array(self._longest // PATIENCE),
            "stamps_s": np.array(self._stamps_s),
            "task": np.array(task),
            "instruction": np.array(self._instruction),
            "seed": np.array(self._seed),
        }
        for camera, kept in self._pictures.items():
            arrays |= joined(camera, kept)
        return arrays


def loop_task(seed: int) -> LoopTask:
    """Task and noise of an episode: tasks take turns, and the noise is anything from hardly any to a lot."""
    noise = float(np.exp(np.random.default_rng([seed, 74]).uniform(*np.log(_NOISE))))
    return LoopTask(task=TRAINED_TASKS[seed % len(TRAINED_TASKS)], noise=noise, decisions=_DECISIONS)


def _make(job: tuple[int, int, Path]) -> Outcome:
    seed, count, folder = job

    def play() -> dict[str, NDArray[np.generic]]:
        recording, task = Recording(seed), loop_task(seed)
        Scene(task, seed, LoopSettings()).run(recording, count)
        return recording.arrays(task.task)

    return make_file(folder, seed, play)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m vlm_judge_ros.closed_loop.decision_dataset",
        description="Simulate decisions between chunks for training.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the files; it may hold some of them already"
    )
    parser.add_argument("--episodes", type=int, default=100, help="how many seeds to play (default: 100)")
    parser.add_argument(
        "--first-seed", type=int, default=FIRST_SEED, help=f"the first seed, from {FIRST_SEED} on (default: that)"
    )
    parser.add_argument("--k", type=int, default=4, help="chunks of each decision (default: 4)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    options = parser.parse_args(arguments)
    if options.first_seed < FIRST_SEED:
        parser.error(f"--first-seed {options.first_seed} belongs to vlm-judge steer-eval; give {FIRST_SEED} or more.")
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first_seed, options.first_seed + options.episodes)
    return make_files(_make, [(seed, options.k, options.out) for seed in seeds], options.jobs)


if __name__ == "__main__":
    sys.exit(main())
