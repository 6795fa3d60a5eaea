"""How often a successful episode is called failing, and how soon a failing one is, for several debounces of the judge.

    MUJOCO_GL=egl python benchmarks/false_stops.py --episodes 600

Each episode is simulated from a seed that the embedded judge was never trained on, and judged as the node does by
default, four times a second. Its answers, frames and joint states are then fed to one engine for each setting, so that
settings are compared on the same episodes. A failure that is confirmed counts as a stop.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import product

import cv2
import numpy as np
from embedded_judge import FRAME_S, FRAME_STEPS, announce_chunk, embedded_judge, encoded_pictures, plan

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS
from vlm_judge_ros.parameters.settings import engine_settings
from vlm_judge_ros.replay.labels.figure import wilson_interval
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeImpossible, EpisodeSpec, SimulatedEpisode, simulate_episode
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.failure import FailureStatus
from vlm_judge_ros.verdict.settings import EngineSettings

FIRST_SEED = 670_000
START_NS = 10**9
THRESHOLDS = (0.9, 0.95, 0.97, 0.98)
# Answers come four times a second: these take two, three and five of them.
HOLDS_S = (0.15, 0.4, 0.9)
SOON_S = 2.0


@dataclass(frozen=True, slots=True)
class Setting:
    """When the judge's answers make a failure."""

    failure_threshold: float
    judge_failure_hold_s: float

    @property
    def engine(self) -> EngineSettings:
        """Settings of the engine: the node's defaults but for these two."""
        return engine_settings(GivenParameters(asdict(self)).for_cameras(DEFAULT_CAMERAS))


SETTINGS = tuple(Setting(threshold, hold_s) for threshold, hold_s in product(THRESHOLDS, HOLDS_S))


@dataclass(frozen=True, slots=True)
class Judged:
    """One episode.

    Attributes:
        task: name of the task.
        disturbance: what happened in it.
        failure_mode: true failure mode by name; "NONE" for a success.
        onset_s: when the failure began; None for a success.
        duration_s: its length.
        stopped_s: for each setting, when a failure was first confirmed; None where none was.
    """

    task: str
    disturbance: str
    failure_mode: str
    onset_s: float | None
    duration_s: float
    stopped_s: tuple[float | None, ...]


class _Judge:
    """Asks the embedded judge once for each moment and remembers what it said."""

    def __init__(self) -> None:
        self._said: dict[int, Opinion] = {}

    def ask(self, engine: Engine, now_ns: int) -> Opinion | None:
        request = engine.due(now_ns)
        if request is None or request.evidence is None:
            return None
        said = self._said.get(request.due_ns)
        if said is None:
            said = self._said[request.due_ns] = embedded_judge().ask(request.evidence)
        return replace(said, evidence=request.evidence)


def stopped_s(
    episode: SimulatedEpisode, pictures: dict[str, list[Frame]], judge: _Judge, setting: Setting
) -> float | None:
    """Seconds from the start until a failure is confirmed; None where none is."""
    engine = Engine(setting.engine)
    engine.start_episode("one", episode.instruction, START_NS)
    for index, frame_index in enumerate(episode.frame_indices):
        now_ns = START_NS + round(index * FRAME_S * 1e9)
        announce_chunk(engine, index, now_ns)
        engine.add_joint_state(JointSample(now_ns, episode.joint_names, tuple(episode.joint_positions[frame_index])))
        for frames in pictures.values():
            engine.add_frame(frames[index], now_ns)
        opinion = judge.ask(engine, now_ns)
        if opinion is not None:
            engine.add_opinion(opinion, now_ns)
        if any(event.status is FailureStatus.CONFIRMED for event in engine.take_failures()):
            return (now_ns - START_NS) * 1e-9
    return None


def judge(task: str, disturbance: Disturbance, seed: int) -> Judged | None:
    """Simulate one episode and hold it against every setting; None where the simulator cannot make it."""
    try:
        episode = simulate_episode(EpisodeSpec(task, seed, disturbance, frame_steps=FRAME_STEPS))
    except EpisodeImpossible:
        return None
    frames: dict[str, list[Frame]] = {}
    for camera, pictures in encoded_pictures(episode).items():
        images = [CompressedImage(picture, "jpeg") for picture in pictures]
        stamps = [START_NS + round(index * FRAME_S * 1e9) for index in range(len(images))]
        frames[camera] = [
            Frame(camera, stamp_ns, image, image.thumbnail) for stamp_ns, image in zip(stamps, images, strict=True)
        ]
    asked = _Judge()
    return Judged(
        task=task,
        disturbance=disturbance.value,
        failure_mode=episode.mode.name,
        onset_s=episode.onset_s,
        duration_s=float(episode.stamps_s[-1]),
        stopped_s=tuple(stopped_s(episode, frames, asked, setting) for setting in SETTINGS),
    )


def row(episodes: Sequence[Judged], index: int) -> dict[str, object]:
    """The figures of one setting."""
    good = [episode for episode in episodes if episode.failure_mode == "NONE"]
    bad = [episode for episode in episodes if episode.failure_mode != "NONE"]
    false = sum(episode.stopped_s[index] is not None for episode in good)
    found = [(episode, at_s) for episode in bad if (at_s := episode.stopped_s[index]) is not None]
    delays = [at_s - (episode.onset_s or 0.0) for episode, at_s in found]
    soon = sum(delay_s <= SOON_S for delay_s in delays)
    hours = sum(episode.duration_s for episode in good) / 3600.0
    quartiles = [float(value) for value in np.quantile(delays, [0.25, 0.5, 0.75])] if delays else [math.nan] * 3
    return {
        **asdict(SETTINGS[index]),
        "false_stops": _counted(false, len(good)),
        "false_stops_per_hour": false / hours if hours else math.nan,
        "found": _counted(len(found), len(bad)),
        "found_soon": _counted(soon, len(bad)),
        "delay_s": dict(zip(("quarter", "median", "three_quarters"), quartiles, strict=True)),
    }


def main() -> int:
    """Simulate, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no further episode after so long")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--successes", action="store_true", help="only episodes with nothing that makes them fail")
    only.add_argument("--failures", action="store_true", help="only the others")
    parser.add_argument("--json", action="store_true", help="print one object with every figure and every episode")
    arguments = parser.parse_args()

    end_s = time.monotonic() + arguments.seconds
    plans = plan(arguments.episodes, arguments.first_seed)
    if arguments.successes or arguments.failures:
        plans = [planned for planned in plans if planned[1].is_benign == arguments.successes]
    episodes: list[Judged] = []
    with ProcessPoolExecutor(arguments.jobs, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for first in range(0, len(plans), arguments.jobs):
            if time.monotonic() > end_s:
                break
            results = pool.map(judge, *zip(*plans[first : first + arguments.jobs], strict=True))
            episodes.extend(result for result in results if result is not None)
            print(f"\r{len(episodes)} of {len(plans)} episodes judged", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    rows = [row(episodes, index) for index in range(len(SETTINGS))]
    if arguments.json:
        print(json.dumps({"settings": rows, "episodes": [asdict(episode) for episode in episodes]}))
        return 0
    print(
        "threshold  hold (s)  false stops  95 % interval   n    found  95 % interval   n   within 2 s  95 % interval   "
        " n    median delay (s)"
    )
    for setting, figures in zip(SETTINGS, rows, strict=True):
        print(
            f"{setting.failure_threshold:9.2f}  {setting.judge_failure_hold_s:8.1f}  {_share(figures['false_stops'])}  "
            f"{_share(figures['found'])}  {_share(figures['found_soon'])}  {figures['delay_s']['median']:.1f}"
        )
    return 0


def _counted(count: int, total: int) -> dict[str, object]:
    return {"value": count / max(1, total), "interval": wilson_interval(count, total), "n": total}


def _share(figure: dict[str, object]) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:11.3f}  {low:.3f} to {high:.3f}  {figure['n']:4d}"


if __name__ == "__main__":
    raise SystemExit(main())
