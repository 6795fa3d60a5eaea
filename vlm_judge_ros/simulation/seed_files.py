"""Simulated data on disk: a file for each seed, written whole or not at all by one of several processes.

A run that is interrupted goes on where it stopped: what is there is kept, and a seed that gives no episode leaves
an empty `SEED.impossible`.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.episode import EpisodeImpossible

KEPT, MADE = "kept", "made"
_QUALITY = 85

Job = TypeVar("Job")
Outcome = tuple[int, str]
"""A seed, and what came of it: KEPT, MADE, or why nothing can be made of it."""


def make_file(folder: Path, seed: int, make: Callable[[], Mapping[str, NDArray[np.generic]]]) -> Outcome:
    """Make the file `SEED.npz` unless it is there.

    Args:
        folder: where the files lie.
        seed: number of the file.
        make: gives its arrays by name, or raises `EpisodeImpossible`.
    """
    path = folder / f"{seed:06d}.npz"
    impossible = path.with_suffix(".impossible")
    if path.exists() or impossible.exists():
        return seed, KEPT
    try:
        arrays = make()
    except EpisodeImpossible as error:
        impossible.touch()
        return seed, str(error)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)
    return seed, MADE


def make_files(make: Callable[[Job], Outcome], jobs: Sequence[Job], processes: int, seconds: float = 0.0) -> int:
    """Make many files, and tell how far it is.

    Args:
        make: makes the file of a job.
        jobs: one for each seed.
        processes: that work.
        seconds: stop after so many; 0: when all are made.

    Returns:
        The exit status of a command that does nothing else.
    """
    began_s = time.monotonic()
    failed = done = 0
    try:
        # The graphics libraries do not survive a fork.
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for done, (seed, outcome) in enumerate(pool.imap_unordered(make, jobs, chunksize=1), 1):
                if outcome not in (KEPT, MADE):
                    failed += 1
                    print(f"seed {seed}: {outcome}", file=sys.stderr)
                if done % 100 == 0 or done == len(jobs):
                    print(f"{done}/{len(jobs)} episodes, {time.monotonic() - began_s:.0f} s", flush=True)
                if seconds and time.monotonic() - began_s > seconds:
                    print(f"stopped after {done}/{len(jobs)} episodes; run again to go on", flush=True)
                    pool.terminate()
                    break
    except JudgeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run again to go on", file=sys.stderr)
        return 130
    print(f"{done - failed} episodes, {failed} could not be simulated")
    return 0


def encode_square(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Shrink a picture to a square, as judges do, and encode it as JPEG, shape (bytes,)."""
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return np.asarray(data, dtype=np.uint8).ravel()


def joined(camera: str, encoded: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.generic]]:
    """Encoded images of a camera one after another, and where each ends."""
    return {camera: np.concatenate(encoded), f"{camera}_ends": np.cumsum([image.size for image in encoded])}
