"""What formulas cost: microseconds of processor time for each message at 1 kHz, and for each look at what is found.

    python benchmarks/formulas.py --turns 6

The first ten are those of docs/formulas.md. Each formula is fed four seconds of messages with all of its signals, and
is asked for its findings at 5 Hz. All are timed in turn, several times. A figure is the median over the turns, with
their range, which holds the true median with a probability of 1 - 2 ** (1 - turns): 97 % with six turns.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.formula import Formula
from vlm_judge_ros.monitors.monitor import EpisodeContext

START_NS = 1_700_000_000_000_000_000
RATE_HZ = 1000
LENGTH_S = 4
LOOK_HZ = 5
FORMULAS = (
    "always (force < 40)",
    "always (not historically[0, 0.5] force > 20)",
    "always (grip > 0.5 implies always[0, 2] (force < 5))",
    "eventually[0, 20] (cup_z > 0.1 and eventually[0, 10] on_shelf > 0.5)",
    "eventually[0, 60] always[0, 2] (on_shelf > 0.5)",
    "always (lifting > 0.5 implies abs(left_z - right_z) < 0.03)",
    "eventually[0, 30] (grip > 0.5 and (grip > 0.5) until[0, 20] (goal_distance < 0.05))",
    "always (force > 2 implies eventually[0, 1] grip > 0.5)",
    "always (opening > 0.06 implies once[0, 30] (cup_z > 0.1))",
    "historically[0, 3] (pelvis_z > 0.55)",
    "always (abs(force) < 40 and force + 2 * torque < 60)",
    "always (grip > 0.5 implies ((force < 40) until[0, 10] (on_shelf > 0.5)))",
    "always (grip > 0.5 implies eventually[0, 60] on_shelf > 0.5)",
)


def samples(signals: tuple[str, ...]) -> list[SignalSample]:
    """Messages whose values stay away from most limits and move all the time."""
    step_ns = 1_000_000_000 // RATE_HZ
    return [
        SignalSample(
            START_NS + index * step_ns,
            {name: 0.4 * math.sin(index / 7.0 + place) for place, name in enumerate(signals)},
        )
        for index in range(RATE_HZ * LENGTH_S)
    ]


def turn(formula: str) -> tuple[float, float]:
    """Microseconds for a message, and for a look."""
    spec = Formula(kind="formula", name="timed", formula=formula)
    monitor = spec.make(EpisodeContext(START_NS))
    feeding_s = looking_s = 0.0
    looks = 0
    every = RATE_HZ // LOOK_HZ
    stream = samples(spec.signals)
    for begin in range(0, len(stream), every):
        started = time.thread_time()
        for sample in stream[begin : begin + every]:
            monitor.add_signals(sample)
        fed = time.thread_time()
        monitor.findings(stream[min(begin + every, len(stream)) - 1].stamp_ns)
        looking_s += time.thread_time() - fed
        feeding_s += fed - started
        looks += 1
    return feeding_s / len(stream) * 1e6, looking_s / looks * 1e6


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=6)
    arguments = parser.parse_args()
    measured: dict[str, list[tuple[float, float]]] = {formula: [] for formula in FORMULAS}
    for _ in range(arguments.turns):
        for formula, turns in measured.items():
            turns.append(turn(formula))
    print(f"{RATE_HZ * LENGTH_S} messages at {RATE_HZ} Hz, n = {arguments.turns} turns, period_s 0.02\n")
    print("| formula | us for a message | us for a look |\n| --- | --- | --- |")
    for formula, turns in measured.items():
        cells = []
        for figures in zip(*turns, strict=True):
            cells.append(f"{statistics.median(figures):.1f} ({min(figures):.1f} to {max(figures):.1f})")
        print(f"| `{formula}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
