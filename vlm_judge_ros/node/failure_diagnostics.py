"""What `/diagnostics` says about failures: one entry for each mode that was ever seen in this run of the node."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus

OK: bytes = DiagnosticStatus.OK
WARN: bytes = DiagnosticStatus.WARN
ERROR: bytes = DiagnosticStatus.ERROR


class FailureDiagnostics:
    """Makes the entries. One stays when its failure is closed, and is OK then, so that readers see that it is over.

    Args:
        node_name: full name of the node, without the first slash.
    """

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._newest: dict[FailureMode, FailureEvent] = {}

    def statuses(self, newest: Mapping[FailureMode, FailureEvent]) -> list[DiagnosticStatus]:
        """One entry per failure mode, in the order of the modes.

        Args:
            newest: the newest event of each mode; those that were given before are remembered, as closed.
        """
        # An engine that was made anew knows nothing of what was open before.
        for mode in self._newest.keys() - newest.keys():
            if self._newest[mode].is_open:
                self._newest[mode] = self._newest[mode].model_copy(update={"status": FailureStatus.CLEARED})
        self._newest.update(newest)
        return [self._status(self._newest[mode]) for mode in sorted(self._newest)]

    def _status(self, event: FailureEvent) -> DiagnosticStatus:
        values = {
            "code": event.mode.name,
            "severity": str(int(event.severity)),
            "status": event.status.name,
            "event": str(event.event_id),
            "episode": event.episode_id,
            "onset (s)": _seconds(event.onset_ns),
            "evidence (s)": _seconds(event.stamp_ns),
            "deciding layer": event.deciding_layer.name.lower(),
            "confidence": "" if event.confidence is None else f"{event.confidence:.3f}",
            "text": event.text,
        }
        return DiagnosticStatus(
            name=f"{self._node_name}: failure {event.mode.name}",
            level=level_of(event),
            message=event.text if event.is_open else f"{event.status.name}: {event.text}",
            hardware_id=self._node_name,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )


def level_of(event: FailureEvent) -> bytes:
    """Level of the entry of a failure.

    Never STALE, which says that nothing is known, and which bridges to fault managers read as worse than ERROR; how bad
    a failure is stands in the value `severity`.
    """
    if not event.is_open:
        return OK
    grave = event.status is FailureStatus.CONFIRMED and event.severity >= Severity.ERROR
    return ERROR if grave else WARN


def _seconds(stamp_ns: int | None) -> str:
    return "" if stamp_ns is None else f"{stamp_ns // 10**9}.{stamp_ns % 10**9 // 10**6:03d}"
