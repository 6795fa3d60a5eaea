"""Failure events: one failure of an episode, from first seen to closed."""

from __future__ import annotations

from enum import IntEnum

from pydantic import Field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Layer, Severity
from vlm_judge_ros.verdict.memory import Failure
from vlm_judge_ros.verdict.verdict import FindingRecord, Provenance, Record, Share, known


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


class FailureTracker:
    """Turns what the gate holds into events; an event keeps its id until it has passed, healed or been cleared."""

    def __init__(self, episode_id: str) -> None:
        self._episode_id = episode_id
        self._event_id = 0
        self._open: FailureEvent | None = None

    @property
    def worst(self) -> FailureEvent | None:
        """The worst event that is confirmed now; None for none."""
        confirmed = self._open is not None and self._open.status is FailureStatus.CONFIRMED
        return self._open if confirmed else None

    def update(
        self, failure: Failure | None, stamp_ns: int, onset_ns: int | None, provenance: Provenance
    ) -> tuple[FailureEvent, ...]:
        """Compare with what was held before.

        Args:
            failure: what the gate holds now; None for nothing.
            stamp_ns: newest evidence.
            onset_ns: best estimate of when the failure began.
            provenance: where the judge's newest answer came from.

        Returns:
            The events that follow: none, or one. A failure that is confirmed at once gives CONFIRMED alone.
        """
        before = self._open
        if failure is None:
            if before is None:
                return ()
            confirmed = before.status is FailureStatus.CONFIRMED
            return (self._close(FailureStatus.HEALED if confirmed else FailureStatus.PASSED, stamp_ns),)
        status = FailureStatus.CONFIRMED if failure.confirmed else FailureStatus.FAILED
        if before is not None and before.status is status:
            return ()
        if before is None:
            self._event_id += 1
        finding = failure.finding
        self._open = FailureEvent(
            stamp_ns=stamp_ns,
            episode_id=self._episode_id,
            event_id=self._event_id,
            status=status,
            mode=finding.mode if finding.mode is not FailureMode.NONE else FailureMode.UNKNOWN,
            severity=finding.severity,
            onset_ns=onset_ns,
            confidence=known(finding.value) if finding.layer is Layer.JUDGE else None,
            deciding_layer=finding.layer,
            evidence=(FindingRecord.of(finding),),
            text=finding.text,
            provenance=provenance,
        )
        return (self._open,)

    def clear(self, stamp_ns: int) -> tuple[FailureEvent, ...]:
        """Close what is open, at the end of the episode or by a person."""
        return () if self._open is None else (self._close(FailureStatus.CLEARED, stamp_ns),)

    def _close(self, status: FailureStatus, stamp_ns: int) -> FailureEvent:
        assert self._open is not None
        event = self._open.model_copy(update={"status": status, "stamp_ns": stamp_ns})
        self._open = None
        return event
