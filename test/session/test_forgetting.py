"""What `Judging.forget_all` leaves behind: nothing."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.judges.worker import WorkerSettings
from vlm_judge_ros.parameters.judge_node import parameters_for
from vlm_judge_ros.parameters.settings import engine_settings
from vlm_judge_ros.replay.scoring.forwarding import Forwarding
from vlm_judge_ros.session.judging import Judging, JudgingOptions
from vlm_judge_ros.tasks.task_set import load_tasks
from vlm_judge_ros.verdict.verdict import State

START_NS = 1_700_000_000 * 10**9
DOOR = """
name: shut_door
instruction: shut the door
signals:
  open: {topic: /door, type: std_msgs/msg/Bool, field: data, timeout_s: 0.0, latched: true}
monitors:
  - {kind: threshold, name: shut, signal: open, max: 0.5, severity: critical, failure_mode: UNSTABLE}
"""


def state_at_start(judging: Judging) -> State:
    judging.start_episode("", "shut the door", START_NS)
    judging.weigh(START_NS)
    return judging.end_episode("", START_NS).state


def test_latched_signals_of_an_earlier_recording_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "door.yaml"
    path.write_text(DOOR)
    values = {name: entry.default for name, entry in parameters_for(("front", "wrist")).items()}
    tasks = load_tasks([str(path)])
    judging = Judging(
        engine_settings(values), WorkerSettings(), JudgingOptions(), Forwarding(), lambda: None, None, tasks
    )
    try:
        judging.activate(START_NS)
        judging.remember_signals("shut_door", SignalSample(START_NS, {"open": 1.0}), {"open"})
        assert state_at_start(judging) is State.FAILED
        judging.forget_all()
        assert state_at_start(judging) is not State.FAILED
    finally:
        judging.close()
