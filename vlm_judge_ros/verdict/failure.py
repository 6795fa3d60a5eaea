"""Failure events: failures of an episode, one of each mode at a time, from first seen to closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum

from pydantic import Field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.known import known
from vlm_judge_ros.monitors.finding import Layer, Severity
from vlm_judge_ros.verdict.held import Failure
from vlm_judge_ros.verdict.judgement import BAND
from vlm_judge_ros.verdict.verdict import FindingRecord, Provenance, Record, Share


class FailureStatus(IntEnum):
    """Status of a failure event; values equal the constants `STATUS_*` of `vlm_judge_ros/msg/Failure`."""

    FAILED = 0
    PASSED = 1
    CONFIRMED = 2
    HEALED = 3
    CLEARED = 4


class FailureEvent(Record):
    """A change of status of one failure; see `vlm_judge_ros/msg/Failure`."""

    stamp_ns: int
    episode_id: str = Field(min_length=1)
    event_id: int = Field(ge=1)
    status: FailureStatus
    mode: FailureMode
    severity: Severity
    onset_ns: int | None = None
    confidence: Share | None = None
    deciding_layer: Layer
    evidence: tuple[FindingRecord, ...]
    text: str = Field(min_length=1)
    provenance: Provenance

    @property
    def is_open(self) -> bool:
        """Whether it was seen or confirmed, and has not been closed."""
        return self.status in (FailureStatus.FAILED, FailureStatus.CONFIRMED)


class FailureTracker:
    """Turns what the gate holds into events; an event keeps its id until it has passed, healed or been cleared."""

    def __init__(self, episode_id: str) -> None:
        self._episode_id = episode_id
        self._event_id = 0
        self._open: dict[FailureMode, FailureEvent] = {}

    @property
    def open(self) -> tuple[FailureEvent, ...]:
        """The events that are not closed, as they were announced last, in the order of their ids."""
        return tuple(sorted(self._open.values(), key=lambda event: event.event_id))

    @property
    def worst(self) -> FailureEvent | None:
        """Of those that are confirmed the worst: by severity, then the oldest; None where none is."""
        confirmed = [event for event in self.open if event.status is FailureStatus.CONFIRMED]
        return max(confirmed, key=lambda event: (event.severity, -event.event_id), default=None)

    def update(
        self,
        held: Iterable[Failure],
        stamp_ns: int,
        onset_of: Callable[[Failure], int | None],
        provenance_of: Callable[[Failure], Provenance],
    ) -> tuple[FailureEvent, ...]:
        """Compare with what was held before.

        Args:
            held: what the gate holds now, at most one failure of each mode.
            stamp_ns: newest evidence.
            onset_of: best estimate of when a failure began.
            provenance_of: where the answer came from of the judge that a failure rests on.

        Returns:
            The events that follow, in the order of the modes: one of each mode at most. A failure that is confirmed at
            once gives CONFIRMED alone; one that gets worse while it is open is announced again.
        """
        now = {failure.mode: failure for failure in held}
        events: list[FailureEvent] = []
        for mode in sorted({*now, *self._open}):
            failure, before = now.get(mode), self._open.get(mode)
            if failure is None:
                assert before is not None
                confirmed = before.status is FailureStatus.CONFIRMED
                events.append(self._close(mode, FailureStatus.HEALED if confirmed else FailureStatus.PASSED, stamp_ns))
                continue
            status = FailureStatus.CONFIRMED if failure.confirmed else FailureStatus.FAILED
            if before is not None and before.status is status and before.severity == failure.severity:
                continue
            if before is None:
                self._event_id += 1
            self._open[mode] = FailureEvent(
                stamp_ns=stamp_ns,
                episode_id=self._episode_id,
                event_id=self._event_id if before is None else before.event_id,
                status=status,
                mode=mode,
                severity=failure.severity,
                onset_ns=onset_of(failure),
                confidence=_confidence(failure),
                deciding_layer=failure.finding.layer,
                evidence=tuple(FindingRecord.of(finding) for finding in failure.findings),
                text=failure.finding.text,
                provenance=provenance_of(failure),
            )
            events.append(self._open[mode])
        return tuple(events)

    def clear(self, stamp_ns: int) -> tuple[FailureEvent, ...]:
        """Close what is open, at the end of the episode or by a person."""
        return tuple(self._close(mode, FailureStatus.CLEARED, stamp_ns) for mode in sorted(self._open))

    def _close(self, mode: FailureMode, status: FailureStatus, stamp_ns: int) -> FailureEvent:
        return self._open.pop(mode).model_copy(update={"status": status, "stamp_ns": stamp_ns})


def _confidence(failure: Failure) -> float | None:
    finding = failure.finding
    # How far out of a band something lies is no probability.
    certain = finding.layer is Layer.JUDGE and finding.name != BAND and not failure.blindness
    return known(finding.value) if certain else None
