"""Writes many simulated episodes as small files, for training: `python -m vlm_judge_ros.simulation.dataset`.

One file `SEED.npz` per episode, written whole or not at all, so that an interrupted run goes on where it stopped; a
seed that gives no episode leaves an empty `SEED.impossible`. Tasks and disturbances take turns, so that any stretch of
seeds is balanced. Only numpy, OpenCV, pydantic, PyYAML and the simulator are imported here: the command runs on a
machine without ROS and without this package's other dependencies. A file holds, for F pictures per camera:

- `stamps_s` float32 (F,): seconds from the start; evenly spaced, and one at the end;
- `progress` float32 (F,), `success` bool (F,), `failing` bool (F,): ground truth at these stamps;
- `front`, `wrist` uint8 (N,), `front_ends`, `wrist_ends` int64 (F,): JPEG images one after another; where each ends;
- `task`, `instruction`, `disturbance`, `variation`, `split` str; `mode` int (`FailureMode`); `onset_s` float, NaN where
  there is none; `seed` int.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.camera import CAMERAS, Variation
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeSpec, SimulatedEpisode, simulate_episode
from vlm_judge_ros.simulation.seed_files import Outcome, encode_square, joined, make_file, make_files
from vlm_judge_ros.simulation.tasks import LEFT_OUT_TASKS, TASKS, TRAINED_TASKS

# Smaller pictures than a camera gives: they become still smaller squares, and drawing them takes most of the time.
_SIMULATED_WIDTH = 192
_SIMULATED_HEIGHT = 144
_TRUTH_STEPS = 10
TRAINED_KINDS = tuple(kind for kind in Disturbance if kind.is_trained)
LEFT_OUT_KINDS = tuple(kind for kind in Disturbance if not kind.is_trained)


def split_of(seed: int) -> str:
    """Which part of the data a seed belongs to: "train", "held_out", "bundled", or "spare" between them."""
    if seed < 500_000:
        return "train"
    if 600_000 <= seed < 700_000:
        return "held_out"
    return "bundled" if seed >= 900_000 else "spare"


def spec_of(
    seed: int,
    frame_steps: int = 5,
    tasks: Sequence[str] = TRAINED_TASKS,
    kinds: Sequence[Disturbance] = TRAINED_KINDS,
    variation: Variation = Variation.USUAL,
    held_out_wording: bool = False,
) -> EpisodeSpec:
    """Choose task and disturbance by the seed.

    Seeds come in blocks. In a block every kind of failure happens once, and benign episodes are one fewer, half of them
    clean; each kind goes through the tasks in which it is possible, in an order drawn anew for each round.

    Args:
        seed: what everything random comes from.
        frame_steps: control steps between pictures.
        tasks: names of the tasks to choose from.
        kinds: what to choose from.
        variation: what the scenes look like.
        held_out_wording: True for instructions that no model is trained on.
    """
    able = {kind: [name for name in tasks if kind in TASKS[name].disturbances] for kind in kinds}
    failures = [kind for kind in kinds if not kind.is_benign and able[kind]]
    benign = [kind for kind in kinds if kind.is_benign and kind is not Disturbance.NONE and able[kind]]
    good = max(1, len(failures) - 1) if Disturbance.NONE in kinds or benign else 0
    incidents = min(good // 2, len(benign)) if Disturbance.NONE in kinds else good
    block, place = divmod(seed, len(failures) + good)
    # What happens in the block, and how often each of it happened before.
    events = [(kind, block) for kind in failures]
    events += [(Disturbance.NONE, block * (good - incidents) + turn) for turn in range(good - incidents)]
    for turn in range(block * incidents, (block + 1) * incidents):
        events.append((benign[turn % len(benign)], turn // len(benign)))
    kind, before = events[int(np.random.default_rng([block, 20]).permutation(len(events))[place])]
    possible = able[kind]
    order = np.random.default_rng([before // len(possible), list(Disturbance).index(kind), 22])
    return EpisodeSpec(
        task=possible[int(order.permutation(len(possible))[before % len(possible)])],
        seed=seed,
        disturbance=kind,
        width=_SIMULATED_WIDTH,
        height=_SIMULATED_HEIGHT,
        frame_steps=frame_steps,
        truth_steps=_TRUTH_STEPS,
        variation=variation,
        held_out_wording=held_out_wording,
    )


def arrays_of(episode: SimulatedEpisode, size: int) -> dict[str, NDArray[np.generic]]:
    """What the file of an episode holds; the images become squares of `size` pixels."""
    at = episode.frame_indices
    arrays: dict[str, NDArray[np.generic]] = {
        "stamps_s": episode.stamps_s[at].astype(np.float32),
        "progress": episode.progress[at].astype(np.float32),
        "success": episode.success[at],
        "failing": episode.failing[at],
        "task": np.array(episode.spec.task),
        "instruction": np.array(episode.instruction),
        "disturbance": np.array(episode.spec.disturbance.value),
        "variation": np.array(episode.spec.variation.value),
        "split": np.array(split_of(episode.spec.seed)),
        "mode": np.array(int(episode.mode)),
        "onset_s": np.array(np.nan if episode.onset_s is None else episode.onset_s),
        "seed": np.array(episode.spec.seed),
    }
    for camera in CAMERAS:
        arrays |= joined(camera, [encode_square(image, size) for image in episode.frames[camera]])
    return arrays


def _make(job: tuple[EpisodeSpec, Path, int]) -> Outcome:
    spec, folder, size = job
    return make_file(folder, spec.seed, lambda: arrays_of(simulate_episode(spec), size))


def _chosen_tasks(words: Sequence[str]) -> tuple[str, ...]:
    sets = {"trained": TRAINED_TASKS, "left_out": LEFT_OUT_TASKS}
    return tuple(name for word in words for name in sets.get(word, (word,)))


def _chosen_kinds(words: Sequence[str]) -> tuple[Disturbance, ...]:
    sets = {"trained": TRAINED_KINDS, "left_out": LEFT_OUT_KINDS}
    return tuple(kind for word in words for kind in sets.get(word) or (Disturbance(word),))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m vlm_judge_ros.simulation.dataset", description="Simulate episodes for training."
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the files; it may hold some of them already"
    )
    parser.add_argument("--episodes", type=int, default=100, help="how many seeds to simulate (default: 100)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--size", type=int, default=96, help="width and height of the images in pixels (default: 96)")
    parser.add_argument("--every", type=int, default=5, help="control steps of 0.1 s between images (default: 5)")
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=["trained", "left_out", *TASKS],
        default=["trained"],
        help="tasks by name, or those that are trained on or left out of training (default: trained)",
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=["trained", "left_out", *(kind.value for kind in Disturbance)],
        default=["trained"],
        help="disturbances by name, or those that are trained on or left out of training (default: trained)",
    )
    parser.add_argument(
        "--variation",
        choices=[variation.value for variation in Variation],
        default=Variation.USUAL.value,
        help="what the scenes look like (default: usual)",
    )
    parser.add_argument("--held-out-wording", action="store_true", help="use instructions that no model is trained on")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after so many seconds; 0: do not (default: 0)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    tasks, kinds = _chosen_tasks(options.tasks), _chosen_kinds(options.kinds)
    if not any(kind in TASKS[name].disturbances for name in tasks for kind in kinds):
        print("None of these disturbances can happen in these tasks; choose others.", file=sys.stderr)
        return 1
    variation, held_out = Variation(options.variation), options.held_out_wording
    seeds = range(options.first_seed, options.first_seed + options.episodes)
    # Shrinking the pictures smooths their edges already.
    specs = (replace(spec_of(seed, options.every, tasks, kinds, variation, held_out), samples=0) for seed in seeds)
    jobs = [(spec, options.out, options.size) for spec in specs]
    return make_files(_make, jobs, options.jobs, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
