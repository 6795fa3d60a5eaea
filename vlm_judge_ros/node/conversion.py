"""Between messages and the types of the engine."""

from __future__ import annotations

from collections.abc import Iterable

import builtin_interfaces.msg
import std_msgs.msg
from builtin_interfaces.msg import Time

from vlm_judge_ros import msg
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.opinion import JudgeProvenance
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.messages import TYPES, Messages
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.provenance import provenance_of_judge
from vlm_judge_ros.verdict.verdict import Verdict

_MODULES = {"vlm_judge_ros": msg, "std_msgs": std_msgs.msg, "builtin_interfaces": builtin_interfaces.msg}
_MESSAGES = Messages({name: getattr(_MODULES[package], name) for package, names in TYPES.items() for name in names})


def time_message(stamp_ns: int | None) -> Time:
    """A stamp as a message; zero where it is not known."""
    return _MESSAGES.time(stamp_ns)


def verdict_message(verdict: Verdict) -> msg.Verdict:
    """A verdict as a message."""
    return _MESSAGES.verdict(verdict)


def failure_message(event: FailureEvent, evidence_uri: str = "") -> msg.Failure:
    """A failure event as a message, with the address of its clip."""
    return _MESSAGES.failure(event, evidence_uri)


def heartbeat_message(
    count: int, now_ns: int, verdict: Verdict, worst: FailureEvent | None, inputs: int = 0
) -> msg.Heartbeat:
    """A heartbeat.

    Args:
        count: its number, from 1.
        now_ns: the node clock.
        verdict: the newest verdict.
        worst: the worst failure that is confirmed now; None for none.
        inputs: messages taken since activation.
    """
    message = msg.Heartbeat(
        count=count,
        inputs=inputs,
        episode_id=verdict.episode_id,
        state=int(verdict.state),
        reason=verdict.reason,
        evidence_stamp=time_message(verdict.stamp_ns if verdict.episode_id else None),
    )
    if worst is not None:
        message.failure_mode = int(worst.mode)
        message.failure_severity = int(worst.severity)
        message.failure_event_id = worst.event_id
        message.failure_text = worst.text
    message.header.stamp = time_message(now_ns)
    return message


def findings_message(now_ns: int, episode_id: str, findings: Iterable[Finding]) -> msg.Findings:
    """Everything that all layers find, as a message; `now_ns` is the node clock."""
    return _MESSAGES.findings(now_ns, episode_id, findings)


def progress_message(update: ProgressUpdate) -> msg.Progress:
    """What the judge alone said, as a message."""
    return _MESSAGES.progress(update)


def judge_provenance_message(judge: JudgeProvenance, latency_s: float) -> msg.Provenance:
    """Which judge answered, as a message; `latency_s` in wall-clock seconds."""
    return _MESSAGES.provenance(provenance_of_judge(judge, latency_s))


def mode_name(mode: FailureMode) -> str:
    """The code of a failure mode; empty for none."""
    return "" if mode is FailureMode.NONE else mode.name
