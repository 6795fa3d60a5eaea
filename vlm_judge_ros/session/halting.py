"""Why the robot is not to go on."""

from __future__ import annotations

from vlm_judge_ros.monitors.finding import Effect, Severity
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.verdict import State


def reason_to_halt(engine: Engine) -> str:
    """Why no action is to be chosen now, one sentence; empty where nothing speaks against it.

    What stops the robot by default (`stop_severity` of the stop node) is reason enough, and so is a critical finding
    that no gate has weighed yet.
    """
    if engine.verdict.state is State.FAILED:
        return engine.verdict.reason
    worst = engine.worst_failure
    if worst is not None and worst.severity >= Severity.ERROR:
        return worst.text
    critical = (
        finding
        for finding in engine.findings
        if finding.severity is Severity.CRITICAL and finding.effect is Effect.FAILURE
    )
    return next((finding.text for finding in critical), "")
