from __future__ import annotations

import math

import pytest
from scene import START_NS

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.tasks.task import Signal, Task
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.failure import FailureStatus

FORCE = Signal(topic="wrench", type="geometry_msgs/msg/WrenchStamped", field="wrench.force.z", unit="N", timeout_s=2.0)
DECLARED = Task(name="push", instruction="push the button", signals={"force": FORCE})


def health_of_force(engine: Engine, time_s: float) -> Effect:
    engine.check(START_NS + nanoseconds(time_s))
    (found,) = (finding for finding in engine.findings if finding.source == "force")
    return found.effect


def test_the_health_of_every_declared_signal_is_weighed() -> None:
    engine = Engine()
    engine.start_episode("one", "push the button", START_NS, DECLARED)
    assert health_of_force(engine, 1.0) is Effect.NEUTRAL
    assert health_of_force(engine, 2.5) is Effect.BLIND
    engine.add_signals(SignalSample(START_NS + nanoseconds(2.6), {"force": 12.0}))
    assert health_of_force(engine, 2.6) is Effect.NEUTRAL
    engine.add_signals(SignalSample(START_NS + nanoseconds(2.7), {"force": math.nan}))
    assert health_of_force(engine, 2.7) is Effect.BLIND


@pytest.mark.parametrize("value", [None, math.nan], ids=["silent", "no number"])
def test_a_signal_that_stays_blind_is_a_confirmed_fault_until_it_is_seen_again(value: float | None) -> None:
    engine = Engine()
    engine.start_episode("one", "push the button", START_NS, DECLARED)

    def play(first_s: float, last_s: float, value: float | None) -> None:
        for tenth in range(round(first_s * 10), round(last_s * 10)):
            now_ns = START_NS + nanoseconds(tenth / 10)
            if value is not None:
                engine.add_signals(SignalSample(now_ns, {"force": value}))
            engine.check(now_ns)

    def confirmed() -> set[FailureMode]:
        return {event.mode for event in engine.open_failures if event.status is FailureStatus.CONFIRMED}

    play(0.0, 1.0, 5.0)
    play(1.0, 1.5, value)
    assert FailureMode.SIGNAL_FAULT not in confirmed()
    play(1.5, 4.5, value)
    assert FailureMode.SIGNAL_FAULT in confirmed()
    play(4.5, 8.0, 5.0)
    assert FailureMode.SIGNAL_FAULT not in confirmed()
