"""Candidates whose predicted signals break what the task declares are out, and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steering.grey_candidates import NOW_NS, evidence

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.formula import Formula
from vlm_judge_ros.monitors.threshold import Threshold
from vlm_judge_ros.steering.candidate import Candidate, PredictedSignal
from vlm_judge_ros.steering.questions import SteeringSettings, prepare
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.steering.signal_veto import SignalVetoes
from vlm_judge_ros.tasks.task import Signal, Task


def signal(unit: str) -> Signal:
    return Signal(topic="t", type="std_msgs/msg/Float64", field="data", unit=unit)


def task(*monitors: Formula | Threshold) -> Task:
    signals = {"force": signal("N"), "height": signal("m")}
    return Task(name="lift", instruction="Lift it.", signals=signals, monitors=monitors)


def formula(text: str, speaks_for: str = "failure") -> Formula:
    return Formula.model_validate({"kind": "formula", "name": "rule", "formula": text, "speaks_for": speaks_for})


GENTLE = formula("always (force < 40)")
LIMIT = Threshold(kind="threshold", name="limit", signal="force", max=40.0)


def feeling(*forces: float, step_s: float = 0.1, **others: float) -> Candidate:
    times = np.arange(len(forces)) * step_s
    signals = {"force": PredictedSignal(times, np.array(forces))}
    signals |= {name: PredictedSignal(times, np.full(len(forces), value)) for name, value in others.items()}
    return Candidate(signals=signals)


def veto(declared: Task, candidate: Candidate, past: tuple[SignalSample, ...] = (), started_ns: int = 0) -> str:
    return SignalVetoes.after(declared, NOW_NS, started_ns, past).veto(candidate)


@pytest.mark.parametrize("check", [GENTLE, LIMIT], ids=["formula", "threshold"])
def test_a_peak_is_refused_wherever_it_comes(check: Formula | Threshold) -> None:
    assert veto(task(check), feeling(10.0, 20.0, 30.0)) == ""
    for forces in ((50.0, 20.0, 30.0), (10.0, 50.0, 30.0), (10.0, 20.0, 50.0), (50.0,)):
        assert "force" in veto(task(check), feeling(*forces))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-100.0, 100.0).filter(lambda value: abs(value - 40.0) > 0.01), min_size=1, max_size=12))
def test_a_formula_and_a_threshold_that_mean_the_same_refuse_the_same(forces: list[float]) -> None:
    refused = max(forces) > 40.0
    for check in (GENTLE, LIMIT):
        assert bool(veto(task(check), feeling(*forces, step_s=0.07))) is refused


def test_what_may_still_come_after_the_prediction_refuses_nobody() -> None:
    assert veto(task(formula("eventually[0, 20] (force > 5)")), feeling(1.0, 2.0)) == ""
    assert "rule" in veto(task(formula("eventually[0, 0.1] (force > 5)")), feeling(1.0, 2.0, 3.0))


def test_evidence_of_success_refuses_nobody() -> None:
    assert veto(task(formula("always (force < 40)", "success")), feeling(50.0)) == ""


def test_what_is_not_predicted_refuses_nobody() -> None:
    both = task(formula("always (force < 40 or height > 1)"))
    assert veto(both, feeling(50.0)) == ""
    assert "rule" in veto(both, feeling(50.0, height=0.5))
    known = (SignalSample(NOW_NS - 50_000_000, {"force": 0.0, "height": 0.5}),)
    assert "rule" in veto(both, feeling(50.0, 50.0), known, NOW_NS - 50_000_000)
    assert veto(task(LIMIT), Candidate()) == ""


def test_a_formula_that_looks_back_sees_the_past() -> None:
    back = task(formula("always (force < 40 or once (height > 1))"))
    lifted = (SignalSample(NOW_NS - 10**9, {"force": 0.0, "height": 2.0}), SignalSample(NOW_NS, {"height": 0.5}))
    assert veto(back, feeling(50.0, 50.0, height=0.5), lifted, NOW_NS - 10**9) == ""
    assert "rule" in veto(back, feeling(50.0, 50.0, height=0.5))


def test_what_is_broken_already_tells_no_candidate_from_another() -> None:
    past = (SignalSample(NOW_NS - 10**9, {"force": 60.0}), SignalSample(NOW_NS - 10**8, {"force": 1.0}))
    assert veto(task(GENTLE), feeling(50.0), past, NOW_NS - 10**9) == ""
    assert "limit" in veto(task(LIMIT), feeling(50.0), past, NOW_NS - 10**9)


def test_one_candidate_leaves_no_trace_for_the_next() -> None:
    vetoes = SignalVetoes.after(task(GENTLE, LIMIT), NOW_NS, 0)
    assert [bool(vetoes.veto(feeling(force))) for force in (50.0, 10.0, 50.0, 10.0)] == [True, False, True, False]


def test_a_candidate_that_is_refused_is_not_asked_about_and_an_unknown_signal_is_named() -> None:
    vetoes = SignalVetoes.after(task(GENTLE), NOW_NS, 0)
    asked = ScoringRequest((feeling(50.0), feeling(10.0)), NOW_NS, 1.0)
    prepared = prepare(asked, evidence(), SteeringSettings(), vetoes)
    assert [prepared.excluded[index].state for index in (0, 1)] == [
        CandidateState.VETOED,
        CandidateState.MISSING_EVIDENCE,
    ]
    assert prepared.excluded[0].reason.startswith("rule, as predicted: The formula always (force < 40) is violated")
    with pytest.raises(JudgeError, match="predicts the signal heat, which the task lift does not declare"):
        prepare(ScoringRequest((feeling(1.0, heat=1.0),), NOW_NS, 1.0), evidence(), SteeringSettings(), vetoes)
