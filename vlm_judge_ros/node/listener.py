"""Listens to one judge node and keeps what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from vlm_judge_ros import msg
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.known import known
from vlm_judge_ros.judges.opinion import SubtaskState
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.replay.stretches import Alarms, Steps
from vlm_judge_ros.replay.trace import Alarm, Answer, Ruling, Step
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus
from vlm_judge_ros.verdict.verdict import FindingRecord, Provenance, State

_HISTORY = 256


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was heard so far."""

    answers: tuple[Answer, ...]
    rulings: tuple[Ruling, ...]
    provenance: msg.Provenance | None
    frames_in: Mapping[str, int]
    failures: tuple[FailureEvent, ...]
    alarms: tuple[Alarm, ...]
    steps: tuple[Step, ...]


class Listener:
    """Subscribes to what a judge node publishes.

    Callbacks run in the executor of `node`; `heard` may be called from anywhere.

    Args:
        node: subscribes.
        judge: absolute name of the judge node.
        episode_id: only what belongs to this episode is kept.
        started_ns: start of the episode.
        duration_s: seconds to its end.
        now_ns: the simulated time, for when a ruling became known.
        on_news: called after each answer and each ruling, in the executor.
    """

    def __init__(
        self,
        node: Node,
        judge: str,
        episode_id: str,
        started_ns: int,
        duration_s: float,
        now_ns: Callable[[], int],
        on_news: Callable[[Answer | Ruling], None],
    ) -> None:
        self._judge = judge
        self._episode_id = episode_id
        self._started_ns = started_ns
        self._duration_s = duration_s
        self._now_ns = now_ns
        self._on_news = on_news
        self._lock = threading.Lock()
        self._answers: list[Answer] = []
        self._rulings: list[Ruling] = []
        self._provenance: msg.Provenance | None = None
        self._frames_in: dict[str, int] = {}
        self._failures: list[FailureEvent] = []
        self._alarms = Alarms()
        self._steps = Steps()
        latched = QoSProfile(depth=_HISTORY, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(msg.Progress, f"{judge}/progress", self._on_progress, _HISTORY)
        node.create_subscription(msg.Verdict, f"{judge}/verdict", self._on_verdict, latched)
        node.create_subscription(msg.Failure, f"{judge}/failure", self._on_failure, _HISTORY)
        node.create_subscription(msg.Findings, f"{judge}/findings", self._on_findings, _HISTORY)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 64)

    def heard(self) -> Heard:
        """A copy of what was heard so far."""
        with self._lock:
            return Heard(
                answers=tuple(self._answers),
                rulings=tuple(self._rulings),
                provenance=self._provenance,
                frames_in=dict(self._frames_in),
                failures=tuple(self._failures),
                alarms=self._alarms.found(),
                steps=self._steps.found(self._duration_s),
            )

    def add_verdict(self, message: msg.Verdict) -> None:
        """Take a verdict that came as the answer of a service."""
        self._on_verdict(message)

    def _on_progress(self, message: msg.Progress) -> None:
        if message.episode_id != self._episode_id:
            return
        answer = Answer(
            time_s=self._seconds(message.header.stamp),
            progress=message.progress,
            progress_low=message.progress_low,
            progress_high=message.progress_high,
            success_probability=message.success_probability,
            failure_probability=message.failure_probability,
            failure_mode=FailureMode(message.failure_mode),
            novelty=message.novelty,
            reason=message.reason,
            latency_s=message.provenance.latency_s,
            raw_score=message.raw_score,
        )
        with self._lock:
            self._answers.append(answer)
            self._steps.look(((step.name, SubtaskState(step.state)) for step in message.subtasks), answer.time_s)
            self._provenance = message.provenance
        self._on_news(answer)

    def _on_verdict(self, message: msg.Verdict) -> None:
        if message.episode_id != self._episode_id:
            return
        ruling = Ruling(
            time_s=self._seconds(message.header.stamp),
            known_s=max(self._seconds(message.header.stamp), (self._now_ns() - self._started_ns) * 1e-9),
            state=State(message.state),
            progress=message.progress,
            failure_mode=FailureMode(message.failure_mode),
            onset_s=self._seconds(message.failure_onset) if _nanoseconds(message.failure_onset) else None,
            reason=message.reason,
            decided_by=tuple(map(_finding, message.decided_by)),
            overruled=tuple(map(_finding, message.overruled)),
        )
        with self._lock:
            if self._rulings and self._rulings[-1].repeats(ruling):
                return
            self._rulings.append(ruling)
        self._on_news(ruling)

    def _on_failure(self, message: msg.Failure) -> None:
        if message.episode_id == self._episode_id:
            with self._lock:
                self._failures.append(_failure(message))

    def _on_findings(self, message: msg.Findings) -> None:
        if message.episode_id == self._episode_id:
            with self._lock:
                self._alarms.look(map(_finding, message.findings), self._seconds(message.header.stamp))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        counts = frames_received(message, self._judge)
        if counts:
            with self._lock:
                self._frames_in.update(counts)

    def _seconds(self, stamp: Time) -> float:
        return max(0.0, (_nanoseconds(stamp) - self._started_ns) * 1e-9)


def frames_received(message: DiagnosticArray, judge: str) -> dict[str, int]:
    """The frames that a judge node says it has received, per camera."""
    counts: dict[str, int] = {}
    prefix = f"{judge.lstrip('/')}: camera "
    for status in message.status:
        if status.name.startswith(prefix):
            values = {entry.key: entry.value for entry in status.values}
            counts[status.name[len(prefix) :]] = int(values["frames received"])
    return counts


def _nanoseconds(stamp: Time) -> int:
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _finding(message: msg.Finding) -> Finding:
    return Finding(
        layer=Layer(message.layer),
        name=message.name,
        source=message.source,
        effect=Effect(message.effect),
        text=message.text,
        stamp_ns=_nanoseconds(message.stamp),
        onset_ns=_nanoseconds(message.onset) or None,
        severity=Severity(message.severity),
        mode=FailureMode(message.mode),
        value=message.value,
        limit=message.limit,
        unit=message.unit,
    )


def _failure(message: msg.Failure) -> FailureEvent:
    source = message.provenance
    return FailureEvent(
        stamp_ns=_nanoseconds(message.header.stamp),
        episode_id=message.episode_id,
        event_id=message.event_id,
        status=FailureStatus(message.status),
        mode=FailureMode(message.mode),
        severity=Severity(message.severity),
        onset_ns=_nanoseconds(message.onset) or None,
        confidence=known(message.confidence),
        deciding_layer=Layer(message.deciding_layer),
        evidence=tuple(FindingRecord.of(_finding(finding)) for finding in message.evidence),
        text=message.text,
        provenance=Provenance(
            model=source.model, model_hash=source.model_hash, software_version=source.software_version
        ),
    )
