"""Between messages and what the stop node decides by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vlm_judge_ros import msg
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.safety.cause import Cause, Reason
from vlm_judge_ros.safety.escalation import Action
from vlm_judge_ros.safety.guard import Stop
from vlm_judge_ros.safety.heartbeat import FailureNews, Heartbeat

_LONGEST_TEXT = 300


def clean(text: str) -> str:
    """Text of another node as it may stand in a log: one line, printable, of bounded length."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[: _LONGEST_TEXT + 1])
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def heartbeat_of(message: Any) -> Heartbeat:
    """A heartbeat as the judge node sent it."""
    episode_id = clean(message.episode_id)
    failure = None
    if message.failure_mode != msg.Failure.MODE_NONE:
        failure = FailureNews(
            episode_id,
            message.failure_event_id,
            True,
            _severity(message.failure_severity),
            _mode(message.failure_mode),
            clean(message.failure_text),
        )
    return Heartbeat(
        count=message.count,
        stamp_ns=_stamp_ns(message.header.stamp),
        episode_id=episode_id,
        unknown=message.state == msg.Verdict.STATE_UNKNOWN,
        reason=clean(message.reason),
        evidence_ns=_stamp_ns(message.evidence_stamp),
        failure=failure,
    )


def failure_of(message: Any) -> FailureNews:
    """A failure event as the judge node sent it."""
    return FailureNews(
        clean(message.episode_id),
        message.event_id,
        message.status == msg.Failure.STATUS_CONFIRMED,
        _severity(message.severity),
        _mode(message.mode),
        clean(message.text),
    )


def state_message(
    observes: bool,
    stop: Stop | None,
    stops: int,
    standing: Iterable[Reason],
    actions: Iterable[Action],
    targets: dict[str, str],
    idle: str,
) -> Any:
    """What the stop node is doing, without a stamp.

    Args:
        observes: nothing is commanded.
        stop: the stop that holds; None for none.
        stops: how many there were.
        standing: what would stop the robot now.
        actions: what the adapters did.
        targets: what each adapter commands, by its name.
        idle: what to say where no stop holds.
    """
    message = msg.StopState(
        mode=msg.StopState.MODE_OBSERVE if observes else msg.StopState.MODE_STOP,
        stopped=stop is not None,
        cause=int(Cause.NONE),
        text=idle,
        standing=[reason.text for reason in standing],
        stops=stops,
    )
    if stop is not None:
        message.cause = int(stop.reasons[0].cause)
        message.source = stop.reasons[0].source
        message.text = stop.text
        message.since.sec, message.since.nanosec = divmod(stop.moment.stamp_ns, 10**9)
    message.actions = [
        msg.StopAction(
            adapter=action.plan.name,
            state=int(action.state),
            target=targets[action.plan.name],
            attempts=action.attempts,
            latency_s=or_nan(action.latency_s),
            text=action.text,
        )
        for action in actions
    ]
    return message


def _stamp_ns(stamp: Any) -> int:
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def _severity(value: int) -> Severity:
    return Severity(min(value, Severity.CRITICAL))


def _mode(value: int) -> FailureMode:
    try:
        return FailureMode(value)
    except ValueError:  # of a newer judge node
        return FailureMode.UNKNOWN
