from __future__ import annotations

import re

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Layer, Severity
from vlm_judge_ros.node.failure_diagnostics import FailureDiagnostics, level_of
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus
from vlm_judge_ros.verdict.verdict import Provenance

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def event(
    status: FailureStatus = FailureStatus.CONFIRMED,
    severity: Severity = Severity.ERROR,
    mode: FailureMode = FailureMode.OBJECT_DROPPED,
) -> FailureEvent:
    return FailureEvent(
        stamp_ns=1_700_000_005_250_000_000,
        episode_id="one",
        event_id=3,
        status=status,
        mode=mode,
        severity=severity,
        onset_ns=1_700_000_004_000_000_000,
        confidence=0.93,
        deciding_layer=Layer.EVENT,
        evidence=(),
        text="The gripper lost what it held.",
        provenance=Provenance(software_version="0"),
    )


@pytest.mark.parametrize(
    ("status", "severity", "level"),
    [
        (FailureStatus.CONFIRMED, Severity.CRITICAL, ERROR),
        (FailureStatus.CONFIRMED, Severity.ERROR, ERROR),
        (FailureStatus.CONFIRMED, Severity.WARNING, WARN),
        (FailureStatus.CONFIRMED, Severity.INFO, WARN),
        (FailureStatus.FAILED, Severity.CRITICAL, WARN),
        (FailureStatus.PASSED, Severity.CRITICAL, OK),
        (FailureStatus.HEALED, Severity.ERROR, OK),
        (FailureStatus.CLEARED, Severity.ERROR, OK),
    ],
)
def test_the_level_says_whether_a_failure_is_open_and_whether_it_is_grave(
    status: FailureStatus, severity: Severity, level: bytes
) -> None:
    assert level_of(event(status, severity)) == level


def test_an_entry_tells_code_severity_status_onset_and_who_decided() -> None:
    (entry,) = FailureDiagnostics("robot/judge_node").statuses({FailureMode.OBJECT_DROPPED: event()})
    values = {value.key: value.value for value in entry.values}
    assert (values["code"], values["severity"], values["status"]) == ("OBJECT_DROPPED", "2", "CONFIRMED")
    assert (values["onset (s)"], values["event"], values["deciding layer"]) == ("1700000004.000", "3", "event")
    assert (values["confidence"], entry.message) == ("0.930", "The gripper lost what it held.")


@pytest.mark.parametrize("mode", [mode for mode in FailureMode if mode is not FailureMode.NONE])
def test_a_code_made_of_the_name_ends_in_the_code_of_the_failure(mode: FailureMode) -> None:
    """Fault managers make codes of names: letters in capitals, all else one underscore."""
    (entry,) = FailureDiagnostics("judge_node").statuses({mode: event(mode=mode)})
    assert re.sub(r"[^A-Z0-9]+", "_", entry.name.upper()) == f"JUDGE_NODE_FAILURE_{mode.name}"


def test_a_mode_that_was_once_seen_keeps_its_entry_and_is_ok_when_it_is_over() -> None:
    diagnostics = FailureDiagnostics("judge_node")
    assert diagnostics.statuses({}) == []
    diagnostics.statuses({FailureMode.STALL: event(mode=FailureMode.STALL)})
    healed = event(FailureStatus.HEALED, mode=FailureMode.STALL)
    both = diagnostics.statuses({FailureMode.STALL: healed, FailureMode.OBJECT_DROPPED: event()})
    assert [(entry.name, entry.level) for entry in both] == [
        ("judge_node: failure OBJECT_DROPPED", ERROR),
        ("judge_node: failure STALL", OK),
    ]


def test_what_was_open_in_a_node_that_is_configured_anew_is_over() -> None:
    diagnostics = FailureDiagnostics("judge_node")
    diagnostics.statuses({FailureMode.OBJECT_DROPPED: event()})
    (entry,) = diagnostics.statuses({})
    assert (entry.level, entry.message) == (OK, "CLEARED: The gripper lost what it held.")
