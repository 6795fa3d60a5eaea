"""What the judge node tells the stop node."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Severity


@dataclass(frozen=True, slots=True)
class FailureNews:
    """What a failure event is now.

    Attributes:
        episode_id: episode that it belongs to.
        event_id: its number within the episode.
        confirmed: it is to be acted on; false where it is only suspected, has healed or was closed.
        severity: how bad it is.
        mode: which failure.
        text: one sentence for a person; may be empty.
    """

    episode_id: str
    event_id: int
    confirmed: bool
    severity: Severity
    mode: FailureMode
    text: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One heartbeat of the judge node.

    Attributes:
        count: number of the heartbeat; rises by one in one run of the judge node.
        stamp_ns: clock of the judge node when it was sent.
        episode_id: episode that runs; empty for none.
        unknown: the verdict is UNKNOWN.
        reason: why the verdict is what it is.
        evidence_ns: stamp of the newest evidence that the verdict rests on; 0 for none yet.
        failure: the worst failure that is confirmed; None for none.
    """

    count: int
    stamp_ns: int
    episode_id: str
    unknown: bool
    reason: str
    evidence_ns: int
    failure: FailureNews | None
