"""Memory of every declared monitor stays bounded, however long an episode lasts."""

from __future__ import annotations

import gc
import math
import sys
from types import FunctionType, ModuleType

from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.jerk import DerivedFrom, Jerk
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.monitors.signal_health import SignalHealth
from vlm_judge_ros.tasks.task_file import load_task, shipped_tasks

START = 1_700_000_000 * 1_000_000_000
JOINTS = tuple(f"joint_{number}" for number in range(1, 8))
FIRST, ALL = 20_000, 40_000


def test_forty_thousand_joint_states_and_signals_at_1_khz_take_no_more_room_than_twenty_thousand() -> None:
    tasks = [load_task(name).task for name in shipped_tasks()]
    signals = {name: signal for task in tasks for name, signal in task.signals.items()}
    context = EpisodeContext(START, ("front", "wrist"), {name: signal.unit for name, signal in signals.items()})
    jerks = (
        Jerk(kind="jerk", name="jerk_of_positions"),
        Jerk(kind="jerk", name="jerk_of_velocities", derived_from=DerivedFrom.VELOCITY),
    )
    monitors = MonitorSet([*(monitor for task in tasks for monitor in task.monitors), *jerks], context)
    health = SignalHealth({name: signal.timeout_s for name, signal in signals.items()}, START)

    def feed(begin: int, end: int) -> None:
        for index in range(begin, end):
            stamp_ns = START + index * 1_000_000
            turn = [0.3 * math.sin(index * 1e-3 * rate) for rate in range(1, 8)]
            monitors.add_joints(JointSample(stamp_ns, JOINTS, tuple(turn), tuple(turn), tuple(turn)))
            if index % 10 == 0:
                # Each has a value of its own now and then; forever within no window and beyond no limit for good.
                sample = SignalSample(stamp_ns, dict.fromkeys(signals, 0.4 + 0.3 * turn[0]))
                monitors.add_signals(sample)
                health.add(sample)
            if index % 1000 == 0:
                monitors.findings(stamp_ns)
                health.findings(stamp_ns)

    feed(0, FIRST)
    before = room_of(monitors, health)
    feed(FIRST, ALL)
    assert room_of(monitors, health) < 1.05 * before + 10_000


def room_of(*roots: object) -> int:
    """Bytes of everything that can be reached from some objects, but for classes, functions and modules."""
    seen: set[int] = set()
    waiting: list[object] = list(roots)
    total = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (type, ModuleType, FunctionType)):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        waiting.extend(gc.get_referents(one))
    return total
