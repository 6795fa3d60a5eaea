from __future__ import annotations

from scene import START_NS, Scene

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.monitors.threshold import Threshold
from vlm_judge_ros.tasks.task import Signal, Task
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.verdict import State

FORCE = Signal(topic="wrench", type="geometry_msgs/msg/WrenchStamped", field="wrench.force.z", unit="N")
LIMIT = Threshold(
    kind="threshold",
    name="force_limit",
    signal="force",
    max=40.0,
    severity=Severity.CRITICAL,
    failure_mode=FailureMode.COLLISION,
)
DECLARED = Task(name="push", instruction="push the button", signals={"force": FORCE}, monitors=(LIMIT,))


def test_a_critical_limit_that_breaks_is_urgent_and_fails_at_once() -> None:
    engine = Engine()
    engine.start_episode("one", "push the button", START_NS, DECLARED)
    engine.add_signals(SignalSample(START_NS + 1, {"force": 12.0}))
    assert not engine.urgent
    engine.add_signals(SignalSample(START_NS + 2, {"force": 41.0}))
    assert engine.urgent
    verdict = engine.check(START_NS + 2)
    assert not engine.urgent
    assert (verdict.state, verdict.failure_mode) == (State.FAILED, FailureMode.COLLISION)
    assert verdict.decided_by[0].value == 41.0
    assert verdict.failure_onset_ns == START_NS + 2


def test_what_no_episode_declares_is_passed_over() -> None:
    scene = Scene()
    scene.engine.add_signals(SignalSample(scene.now_ns, {"force": 100.0}))
    assert scene.run(1.0).state is not State.FAILED
