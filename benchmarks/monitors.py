"""What declared monitors cost at 1 kHz of joint states: share of one core, and growth of memory.

    python benchmarks/monitors.py
    python benchmarks/monitors.py --turns 3 --turn-s 20 --each

Simulated time is fed as fast as it goes, and the CPU seconds that this takes are divided by the simulated ones, so
the result is a share of one core at real-time speed. The parts: (a) a MonitorSet with the monitors of the shipped
task pick_and_place and further ones of joints; (b) the same and two formulas over signals that come at 500 Hz and 1
kHz; (c) the engine with the task of (a), two cameras at 30 Hz with JPEG images of a bundled episode, and everything
weighed 10 times a second. `--each` adds a line for each monitor alone. Making the samples alone comes first: where
its figure is higher than 0.003, so is the load of the machine, and all that follows is too high by as much.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.formula import Formula
from vlm_judge_ros.monitors.jerk import DerivedFrom, Jerk
from vlm_judge_ros.monitors.monitor import EpisodeContext, MonitorSpec
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.monitors.oscillation import Oscillation
from vlm_judge_ros.monitors.stall import Stall
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode
from vlm_judge_ros.replay.events import events
from vlm_judge_ros.replay.topics import find_topics
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.tasks.task_file import load_task
from vlm_judge_ros.verdict.engine import Engine

START_NS = 1_700_000_000 * 1_000_000_000

JOINTS = tuple(f"joint_{number}" for number in range(1, 8))
TABLE_SAMPLES = 20_000
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


@dataclass(frozen=True)
class Motion:
    """Twenty seconds of joint states at 1 kHz, made beforehand so that making them is not measured."""

    positions: list[tuple[float, ...]]
    velocities: list[tuple[float, ...]]
    efforts: list[tuple[float, ...]]

    @classmethod
    def make(cls) -> Motion:
        """Seven joints that swing, with a little tremor."""
        rates = [2 * math.pi * turns / 20.0 for turns in range(2, 9)]
        times = [index * 1e-3 for index in range(TABLE_SAMPLES)]
        return cls(
            [tuple(0.4 * math.sin(rate * t) + 1e-4 * math.sin(900.0 * t + rate) for rate in rates) for t in times],
            [tuple(0.4 * rate * math.cos(rate * t) for rate in rates) for t in times],
            [tuple(5.0 * math.sin(rate * t + 1.0) for rate in rates) for t in times],
        )

    def samples(self, begin_ms: int, end_ms: int) -> Iterator[tuple[int, JointSample]]:
        """Joint states from one millisecond to another, each with its millisecond."""
        for index in range(begin_ms, end_ms):
            place = index % TABLE_SAMPLES
            stamp_ns = START_NS + index * 1_000_000
            yield (
                index,
                JointSample(stamp_ns, JOINTS, self.positions[place], self.velocities[place], self.efforts[place]),
            )


def signals_at(index: int, stamp_ns: int) -> list[SignalSample]:
    """Finger at 1 kHz with the joint states, force at 500 Hz, the pose of the hand at 100 Hz."""
    wave = math.sin(index * 1e-3)
    samples = [SignalSample(stamp_ns, {"finger": 0.3 + 0.2 * wave})]
    if index % 2 == 0:
        samples.append(SignalSample(stamp_ns, {"wrist_force": 8.0 + 4.0 * wave}))
    if index % 10 == 0:
        pose = {"hand_x": 0.4 + 0.1 * wave, "hand_y": -0.1 * wave, "hand_z": 0.4, "hand_tilt": 3.0}
        samples.append(SignalSample(stamp_ns, pose))
    return samples


def declared(task: Task) -> Task:
    """The shipped task, with every monitor of joints."""
    more: tuple[MonitorSpec, ...] = (
        Jerk(kind="jerk", name="jerk_of_positions"),
        Jerk(kind="jerk", name="jerk_of_velocities", derived_from=DerivedFrom.VELOCITY),
        Oscillation(kind="oscillation", name="swings_widely", amplitude_rad=0.1),
        Stall(kind="stall", name="stalls_for_long", window_s=10.0),
    )
    return task.model_copy(update={"monitors": (*task.monitors, *more)})


FORMULAS = (
    Formula(kind="formula", name="force_stays_low", formula="always (wrist_force < 60)"),
    Formula(
        kind="formula",
        name="closes_then_lifts",
        formula="always (finger > 0.5 implies eventually[0, 5] (hand_z > 0.3))",
    ),
)


def resident_mb() -> float:
    """Memory of this process, in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def feed_monitors(specs: tuple[MonitorSpec, ...], task: Task, motion: Motion) -> Callable[[int, int], None]:
    """Return what feeds a MonitorSet from one millisecond to another."""
    units = {name: signal.unit for name, signal in task.signals.items()}
    monitors = MonitorSet(specs, EpisodeContext(START_NS, ("front", "wrist"), units))

    def feed(begin_ms: int, end_ms: int) -> None:
        for index, sample in motion.samples(begin_ms, end_ms):
            monitors.add_joints(sample)
            for signals in signals_at(index, sample.stamp_ns):
                monitors.add_signals(signals)
            if index % 100 == 0:
                monitors.findings(sample.stamp_ns)

    return feed


def feed_nothing(motion: Motion) -> Callable[[int, int], None]:
    """Return what makes the same samples and gives them to nobody."""

    def feed(begin_ms: int, end_ms: int) -> None:
        for index, sample in motion.samples(begin_ms, end_ms):
            signals_at(index, sample.stamp_ns)

    return feed


def images() -> dict[str, list[CompressedImage]]:
    """The JPEG images of a bundled episode, by camera."""
    found: dict[str, list[CompressedImage]] = {}
    with Bag(bundled_episode("pick-place_none_900006")) as bag:
        for event in events(bag, find_topics(bag.topics)):
            if isinstance(event.content, Frame):
                assert isinstance(event.content.image, CompressedImage)
                found.setdefault(event.content.camera, []).append(event.content.image)
    return found


def feed_engine(task: Task, motion: Motion) -> Callable[[int, int], None]:
    """Return what feeds an engine with two cameras from one millisecond to another."""
    engine = Engine()
    engine.start_episode("one", task.instruction, START_NS, task)
    shown = images()

    def feed(begin_ms: int, end_ms: int) -> None:
        for index, sample in motion.samples(begin_ms, end_ms):
            engine.add_joint_state(sample)
            for signals in signals_at(index, sample.stamp_ns):
                engine.add_signals(signals)
            if index % 33 == 0:
                for camera, of_camera in shown.items():
                    image = of_camera[index // 33 % len(of_camera)]
                    engine.add_frame(Frame(camera, sample.stamp_ns, image, image.thumbnail), sample.stamp_ns)
            if index % 100 == 0 or engine.urgent:
                engine.check(sample.stamp_ns)
                engine.take_failures()

    return feed


def measure(name: str, feed: Callable[[int, int], None], turns: int, turn_s: int) -> None:
    """Feed so many turns and print the share of one core with its interval, and the growth of memory."""
    shares: list[float] = []
    memory = [resident_mb()]
    for turn in range(turns):
        begun_s = time.process_time()
        feed(turn * turn_s * 1000, (turn + 1) * turn_s * 1000)
        shares.append((time.process_time() - begun_s) / turn_s)
        memory.append(resident_mb())
    mean = statistics.fmean(shares)
    spread = STUDENT.get(turns, 2.0) * statistics.stdev(shares) / math.sqrt(turns) if turns > 1 else math.nan
    print(
        f"{name:42} {mean:7.4f} +- {spread:.4f} of a core (n = {turns} turns of {turn_s} s, "
        f"{min(shares):.4f} to {max(shares):.4f}); memory {memory[1] - memory[0]:+.1f} MB in the first turn, "
        f"{memory[-1] - memory[1]:+.1f} MB in all others",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10, help="how often it is measured (default: 10)")
    parser.add_argument("--turn-s", type=int, default=60, help="simulated seconds of a turn (default: 60)")
    parser.add_argument("--each", action="store_true", help="measure each monitor alone, too")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    motion = Motion.make()
    task = declared(load_task("pick_and_place").task)
    measure("making the samples, for comparison", feed_nothing(motion), arguments.turns, arguments.turn_s)
    specs = tuple(task.monitors)
    measure(f"(a) {len(specs)} monitors", feed_monitors(specs, task, motion), arguments.turns, arguments.turn_s)
    more = (*specs, *FORMULAS)
    measure("(b) the same and two formulas", feed_monitors(more, task, motion), arguments.turns, arguments.turn_s)
    measure("(c) engine, task of (a), two cameras", feed_engine(task, motion), arguments.turns, arguments.turn_s)
    for spec in more if arguments.each else ():
        measure(f"    {spec.name}", feed_monitors((spec,), task, motion), 2, min(20, arguments.turn_s))


if __name__ == "__main__":
    sys.exit(main())
