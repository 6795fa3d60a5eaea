"""What a latched signal said before an episode holds in its very first verdict."""

from __future__ import annotations

from pathlib import Path

from session.live_session import Session

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.tasks.task_set import load_tasks
from vlm_judge_ros.verdict.verdict import State

TASK = """
name: push
instruction: push the block
signals:
  guard: {topic: guard, type: std_msgs/msg/Float64, field: data, unit: "1", timeout_s: 0.0, latched: true}
monitors:
  - {kind: threshold, name: guard_closed, signal: guard, min: 0.5, severity: critical, failure_mode: COLLISION}
"""


def test_an_episode_does_not_fail_for_want_of_a_signal_that_was_said_before_it(tmp_path: Path) -> None:
    file = tmp_path / "push.yaml"
    file.write_text(TASK)
    session = Session(tasks=load_tasks([str(file)]))
    try:
        session.judging.remember_signals("push", SignalSample(session.now_ns, {"guard": 1.0}), {"guard"})
        session.begin()
        assert session.judging.engine.verdict.state is not State.FAILED
        assert not session.judging.engine.open_failures
    finally:
        session.judging.close()
