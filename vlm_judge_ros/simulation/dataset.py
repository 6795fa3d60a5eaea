"""Writes many simulated episodes as small files, for training: `python -m vlm_judge_ros.simulation.dataset`.

One file `SEED.npz` per episode, written whole or not at all, so that an interrupted run goes on where it stopped. Only
numpy, OpenCV and the simulator are imported here: the command runs on a machine without ROS and without this package's
other dependencies. A file holds, for F pictures per camera:

- `stamps_s` float32 (F,): seconds from the start; evenly spaced, and one at the end;
- `progress` float32 (F,), `success` bool (F,), `failing` bool (F,): ground truth at these stamps;
- `front`, `wrist` uint8 (N,), `front_ends`, `wrist_ends` int64 (F,): JPEG images one after another; where each ends;
- `task`, `instruction`, `disturbance`, `split` str; `mode` int (`FailureMode`); `onset_s` float, NaN where there is
  none; `seed` int.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.camera import CAMERAS
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeImpossible, EpisodeSpec, SimulatedEpisode, simulate_episode
from vlm_judge_ros.simulation.tasks import TASKS

_QUALITY = 85
_SIMULATED_WIDTH = 320
_SIMULATED_HEIGHT = 240
# Of the episodes that end well, so many run without any incident.
_CLEAN_SHARE = 0.5


def split_of(seed: int) -> str:
    """Which part of the data a seed belongs to: "train", "held_out", "bundled", or "spare" between them."""
    if seed < 500_000:
        return "train"
    if 600_000 <= seed < 700_000:
        return "held_out"
    return "bundled" if seed >= 900_000 else "spare"


def spec_of(seed: int, frame_steps: int = 5, tasks: Sequence[str] = tuple(TASKS)) -> EpisodeSpec:
    """Choose task and disturbance by the seed: half of the episodes fail, each kind of failure equally often.

    Args:
        seed: what everything random comes from.
        frame_steps: control steps between pictures.
        tasks: names of the tasks to choose from.
    """
    rng = np.random.default_rng([seed, 20])
    kinds = [kind for kind in Disturbance if any(kind in TASKS[name].disturbances for name in tasks)]
    if rng.random() < 0.5:
        benign = [kind for kind in kinds if kind.is_benign and kind is not Disturbance.NONE]
        kind = Disturbance.NONE if rng.random() < _CLEAN_SHARE else benign[rng.integers(len(benign))]
    else:
        failures = [kind for kind in kinds if not kind.is_benign]
        kind = failures[rng.integers(len(failures))]
    possible = [name for name in tasks if kind in TASKS[name].disturbances]
    return EpisodeSpec(
        task=possible[rng.integers(len(possible))],
        seed=seed,
        disturbance=kind,
        width=_SIMULATED_WIDTH,
        height=_SIMULATED_HEIGHT,
        frame_steps=frame_steps,
        truth_steps=frame_steps,
    )


def write_episode(episode: SimulatedEpisode, path: Path, size: int) -> None:
    """Write one file; the images become squares of `size` pixels."""
    pictures: dict[str, Any] = {}
    for camera in CAMERAS:
        encoded = [_encode(image, size) for image in episode.frames[camera]]
        pictures[camera] = np.concatenate(encoded)
        pictures[f"{camera}_ends"] = np.cumsum([image.size for image in encoded])
    at = episode.frame_indices
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            stamps_s=episode.stamps_s[at].astype(np.float32),
            progress=episode.progress[at].astype(np.float32),
            success=episode.success[at],
            failing=episode.failing[at],
            task=np.array(episode.spec.task),
            instruction=np.array(episode.instruction),
            disturbance=np.array(episode.spec.disturbance.value),
            split=np.array(split_of(episode.spec.seed)),
            mode=np.array(int(episode.mode)),
            onset_s=np.array(np.nan if episode.onset_s is None else episode.onset_s),
            seed=np.array(episode.spec.seed),
            **pictures,
        )
    unfinished.replace(path)


def _encode(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    import cv2

    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return np.asarray(data, dtype=np.uint8).ravel()


def _make(job: tuple[int, Path, int, int, tuple[str, ...]]) -> tuple[int, str]:
    seed, folder, size, frame_steps, tasks = job
    path = folder / f"{seed:06d}.npz"
    if path.exists():
        return seed, "kept"
    try:
        write_episode(simulate_episode(spec_of(seed, frame_steps, tasks)), path, size)
    except EpisodeImpossible as error:
        return seed, str(error)
    return seed, "made"


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
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="tasks (default: all)")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after so many seconds; 0: do not (default: 0)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    began = time.monotonic()
    jobs = [
        (seed, options.out, options.size, options.every, tuple(options.tasks))
        for seed in range(options.first_seed, options.first_seed + options.episodes)
    ]
    done = failed = 0
    try:
        # The graphics libraries do not survive a fork.
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            for seed, outcome in pool.imap_unordered(_make, jobs, chunksize=1):
                done += 1
                if outcome not in ("made", "kept"):
                    failed += 1
                    print(f"seed {seed}: {outcome}", file=sys.stderr)
                if done % 100 == 0 or done == len(jobs):
                    print(f"{done}/{len(jobs)} episodes, {time.monotonic() - began:.0f} s", flush=True)
                if options.seconds and time.monotonic() - began > options.seconds:
                    print(f"stopped after {done}/{len(jobs)} episodes; run again to go on", flush=True)
                    pool.terminate()
                    break
    except JudgeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run again to go on", file=sys.stderr)
        return 130
    print(f"{done - failed} episodes in {options.out}, {failed} could not be simulated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
