from __future__ import annotations

import math

from scene import START_NS

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.tasks.task import Signal, Task
from vlm_judge_ros.verdict.engine import Engine

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
