"""Candidates that predict signals of the running task, while a session goes on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from node.told_by_grey import picture
from session.live_session import Session

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame, PredictedSignal
from vlm_judge_ros.steering.request import ScoringAnswer
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.tasks.task_set import load_tasks

TASK = """
name: push
instruction: push the block
signals:
  force: {topic: wrench, type: geometry_msgs/msg/WrenchStamped, field: wrench.force.z, unit: N, timeout_s: 1.5}
monitors:
  - {kind: threshold, name: force_limit, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}
  - {kind: formula, name: free_before, formula: "always (force < 20 or once (force < 1))", severity: error}
"""


def pressing(grey: int, *newtons: float, signal: str = "force") -> Candidate:
    times_s = np.linspace(0.1, 0.5, len(newtons))
    return Candidate(
        frames=(PredictedFrame("front", 0.5, picture(grey)),),
        signals={signal: PredictedSignal(times_s, np.array(newtons))},
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    file = tmp_path_factory.mktemp("tasks") / "push.yaml"
    file.write_text(TASK)
    session = Session(tasks=load_tasks([str(file)]), hold_s=0.5)
    session.begin()
    session.judging.add_signals(SignalSample(session.now_ns, {"force": 0.5}))
    yield session
    session.judging.close()


def test_a_candidate_that_would_break_a_limit_of_the_running_task_is_out(session: Session) -> None:
    answer = session.until(session.ask_about(pressing(80, 5.0, 55.0), pressing(30, 5.0, 10.0), pressing(60, 5.0, 39.0)))
    assert isinstance(answer, ScoringAnswer)
    vetoed, *others = answer.candidates
    assert vetoed.state is CandidateState.VETOED
    assert "force_limit" in vetoed.reason
    assert [each.state for each in others] == [CandidateState.SCORED] * 2
    assert answer.choice.index == 2


def test_a_signal_that_the_task_does_not_declare_is_refused_by_name(session: Session) -> None:
    refused = session.until(session.ask_about(pressing(80, 5.0, signal="heat")))
    assert isinstance(refused, JudgeError)
    assert "heat" in str(refused) and "force" in str(refused)


def test_a_formula_that_looks_back_sees_the_episode_until_now(session: Session) -> None:
    # Pressing with 30 N breaks the formula only where the hand was never free before.
    answer = session.until(session.ask_about(pressing(60, 5.0, 30.0, 30.0), pressing(30, 5.0, 10.0)))
    assert isinstance(answer, ScoringAnswer)
    assert [each.state for each in answer.candidates] == [CandidateState.SCORED] * 2
    session.judging.end_episode("", session.now_ns)
    session.begin()
    session.judging.add_signals(SignalSample(session.now_ns, {"force": 5.0}))
    answer = session.until(session.ask_about(pressing(60, 5.0, 30.0, 30.0), pressing(30, 5.0, 10.0)))
    assert isinstance(answer, ScoringAnswer)
    assert [each.state for each in answer.candidates] == [CandidateState.VETOED, CandidateState.SCORED]
    assert "free_before" in answer.candidates[0].reason


def test_what_candidates_predict_never_happened_for_the_episode(session: Session) -> None:
    for _ in range(2):
        answer = session.until(session.ask_about(pressing(80, 55.0), pressing(60, 5.0)))
        assert isinstance(answer, ScoringAnswer)
        assert [each.state for each in answer.candidates] == [CandidateState.VETOED, CandidateState.SCORED]
    session.judging.weigh(session.now_ns)
    assert not any(finding.effect is Effect.FAILURE for finding in session.judging.engine.findings)


def test_signals_of_a_task_that_no_file_declares_are_refused() -> None:
    session = Session()
    try:
        session.begin()
        with pytest.raises(JudgeError, match="task_files"):
            session.ask_about(pressing(80, 5.0))
    finally:
        session.judging.close()
