"""What `/diagnostics` says about the node, once a second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from vlm_judge_ros.clips.writer_thread import ClipCounts
from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.judges.worker_events import WorkerState
from vlm_judge_ros.monitors.camera_statistics import CameraStatistics
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.node.arrivals import Arrivals, percentile
from vlm_judge_ros.node.camera_subscription import CameraSubscription
from vlm_judge_ros.node.conversion import time_message
from vlm_judge_ros.node.failure_diagnostics import FailureDiagnostics
from vlm_judge_ros.node.inputs import InputTopic
from vlm_judge_ros.node.refusals import Refusals
from vlm_judge_ros.session.asked_judge import AskedJudge
from vlm_judge_ros.session.candidate_scoring import CandidateScoring
from vlm_judge_ros.session.judging import Judging
from vlm_judge_ros.verdict.verdict import Verdict

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE
_TROUBLE_LASTS = 10


@dataclass(slots=True)
class _Trouble:
    """Remembers for some reports that a count has risen, so that a short trouble is seen."""

    counts: dict[str, int] = field(default_factory=dict)
    remaining: dict[str, int] = field(default_factory=dict)

    def recent(self, name: str, count: int) -> bool:
        if count > self.counts.get(name, 0):
            self.remaining[name] = _TROUBLE_LASTS
        elif self.remaining.get(name, 0):
            self.remaining[name] -= 1
        self.counts[name] = count
        return self.remaining.get(name, 0) > 0


@dataclass(frozen=True, slots=True)
class InputReport:
    """What came in beside images: the topics that are listened to, and what was refused."""

    topics: tuple[InputTopic, ...]
    refusals: Refusals


class Diagnostics:
    """Makes the reports. Names begin with that of the node, by which an aggregator groups them.

    Args:
        node_name: full name of the node, without the first slash.
    """

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._trouble = _Trouble()
        self._failures = FailureDiagnostics(node_name)

    def report(
        self,
        now_ns: int,
        lifecycle_state: str,
        judging: Judging | None,
        cameras: Iterable[CameraSubscription],
        inputs: InputReport,
        clips: ClipCounts | None = None,
    ) -> DiagnosticArray:
        """One report.

        Args:
            now_ns: the node clock.
            lifecycle_state: label of the node's lifecycle state.
            judging: None while the node is not configured.
            cameras: those that are subscribed to; none while the node is not active.
            inputs: what came in beside images.
            clips: what became of clips; None where none are kept.
        """
        array = DiagnosticArray()
        array.header.stamp = time_message(now_ns)
        array.status = [self._lifecycle(lifecycle_state, judging)]
        if judging is not None:
            array.status.append(self._judge(judging))
            if judging.review is not None:
                array.status.append(self._review(judging.review, judging))
            array.status.append(self._steering(judging.scoring))
            statistics = judging.engine.statistics(now_ns)
            verdict = judging.engine.verdict
            array.status += [self._camera(camera, statistics[camera.camera.name], verdict) for camera in cameras]
            array.status.append(self._inputs(inputs))
            if clips is not None:
                array.status.append(self._evidence(clips))
        array.status += self._failures.statuses(judging.engine.newest_failures if judging is not None else {})
        return array

    def _lifecycle(self, state: str, judging: Judging | None) -> DiagnosticStatus:
        verdict = judging.engine.verdict if judging is not None else None
        values = {
            "lifecycle state": state,
            "episode": judging.engine.episode_id if judging else "",
            "task file": judging.declared.name if judging and judging.declared else "",
            "task": (judging.engine.task or judging.task) if judging else "",
            "enabled": str(judging.enabled).lower() if judging else "",
            "verdict": verdict.state.name if verdict else "",
            "failure mode": verdict.failure_mode.name if verdict else "",
            "reason": verdict.reason if verdict else "",
            "clock jumps back": str(judging.engine.clock_jumps) if judging else "",
        }
        jumped = judging is not None and self._trouble.recent("clock", judging.engine.clock_jumps)
        if state != "active":
            return self._status("episode", OK, f"The node is {state}.", values)
        if jumped:
            return self._status("episode", WARN, "The clock went back.", values)
        if verdict is None or not verdict.episode_id:
            return self._status("episode", OK, "No episode is running.", values)
        blind = any(finding.effect is Effect.BLIND for finding in verdict.decided_by)
        return self._status("episode", WARN if blind else OK, f"{verdict.state.name}: {verdict.reason}", values)

    def _inputs(self, inputs: InputReport) -> DiagnosticStatus:
        refusals = inputs.refusals
        values = {
            **{f"messages on {topic.name}": str(topic.received) for topic in inputs.topics},
            "refused": str(refusals.total),
            **{f"refused, {source}": f"{count}; {refusals.last[source]}" for source, count in refusals.counts.items()},
        }
        if self._trouble.recent("refused", refusals.total):
            newest = "; ".join(sorted(refusals.counts))
            return self._status("inputs", WARN, f"Something was refused a moment ago: {newest}.", values)
        return self._status("inputs", OK, f"Listening to {len(inputs.topics)} topics beside the cameras.", values)

    def _evidence(self, clips: ClipCounts) -> DiagnosticStatus:
        values = {
            "clips written": str(clips.written),
            "clips that failed": str(clips.failed),
            "clips dropped": str(clips.dropped),
            "older clips removed": str(clips.removed),
            "bytes written": str(clips.written_bytes),
            "clips waiting": str(clips.waiting),
            "last error": clips.last_error,
        }
        if clips.last_error:
            return self._status("evidence", WARN, clips.last_error, values)
        return self._status("evidence", OK, f"{clips.written} clips were written.", values)

    def _judge(self, judging: Judging) -> DiagnosticStatus:
        more = {
            "answers out of date": str(judging.engine.stale_opinions),
            "chunks skipped": str(judging.engine.skipped_chunks),
        }
        return self._asked("judge", judging.judge, more)

    def _review(self, review: AskedJudge, judging: Judging) -> DiagnosticStatus:
        return self._asked("review", review, {"answers out of date": str(judging.engine.stale_reviews)})

    def _steering(self, scoring: CandidateScoring) -> DiagnosticStatus:
        counts = scoring.counts
        values = {
            "requests taken": str(counts.taken),
            "answered": str(counts.answered),
            "answered, nobody was chosen": str(counts.abstained),
            "answered, the deadline came first": str(counts.late),
            "answered, a stop came first": str(counts.stopped),
            "replaced by newer": str(counts.replaced),
            "given up": str(counts.given_up),
            "waiting": str(int(scoring.busy)),
            "latency p50 (s)": _seconds(percentile(scoring.latencies_s, 0.5)),
            "latency p95 (s)": _seconds(percentile(scoring.latencies_s, 0.95)),
        }
        if self._trouble.recent("steering", counts.late + counts.replaced):
            return self._status("steering", WARN, "Candidates were not all scored in time a moment ago.", values)
        return self._status("steering", OK, f"{counts.answered} requests were answered.", values)

    def _asked(self, role: str, asked: AskedJudge, more: Mapping[str, str]) -> DiagnosticStatus:
        worker, judge = asked.worker, asked.provenance
        counts = worker.counts
        values = {
            "model": judge.model if judge else "",
            "model hash": judge.model_hash if judge else "",
            "provider": judge.provider if judge else "",
            "method": judge.method if judge else "",
            "judge card": asked.card.label if asked.card is not None else "",
            "how it runs": asked.status,
            "process": str(worker.process_id or ""),
            "state": worker.state.value,
            "first answer (s)": _seconds(asked.first_answer_s),
            "latency p50 (s)": _seconds(percentile(asked.latencies_s, 0.5)),
            "latency p95 (s)": _seconds(percentile(asked.latencies_s, 0.95)),
            "questions waiting": str(worker.pending),
            "answered": str(counts.answered),
            "answered, could not say": str(asked.declined),
            "answered, could not be read": str(asked.unparsable),
            "failed": str(counts.failed),
            "late": str(counts.late),
            "replaced by newer": str(counts.replaced),
            "lost with the process": str(counts.lost),
            "restarts": str(worker.restarts),
            **more,
            "last fault": asked.last_fault,
        }
        failed = self._trouble.recent(role, counts.failed + counts.late + counts.lost + worker.restarts)
        unread = self._trouble.recent(f"{role} unread", asked.unparsable)
        replaced = self._trouble.recent(f"{role} replaced", counts.replaced)
        if worker.state is WorkerState.RESTARTING:
            return self._status(role, ERROR, asked.last_fault or f"The {role}'s process has ended.", values)
        if worker.state is WorkerState.LOADING:
            return self._status(role, WARN, f"The {role} is being loaded.", values)
        if asked.last_fault:
            return self._status(role, ERROR, asked.last_fault, values)
        if failed or replaced:
            return self._status(role, WARN, "Questions went unanswered a moment ago.", values)
        if unread:
            return self._status(role, WARN, "An answer could not be read a moment ago.", values)
        if asked.card_warning:
            return self._status(role, WARN, asked.card_warning, values)
        return self._status(role, OK, f"The {role} answers." if counts.answered else f"The {role} is ready.", values)

    def _camera(self, camera: CameraSubscription, seen: CameraStatistics, verdict: Verdict) -> DiagnosticStatus:
        name, arrivals = camera.camera.name, camera.arrivals
        values = {
            "topic": camera.topic,
            "image": seen.form,
            "rate (Hz)": f"{seen.rate_hz:.1f}",
            "age (s)": _seconds(or_nan(seen.age_s)),
            "frames received": str(seen.received),
            "frames used": str(seen.used),
            **_loss(arrivals, camera.counts_loss),
            "stamp to buffer p50 (ms)": _milliseconds(arrivals.delay_s(0.5)),
            "stamp to buffer p99 (ms)": _milliseconds(arrivals.delay_s(0.99)),
            "size or encoding changed": str(seen.form_changes),
            "restarts": str(seen.restarts),
            "faults": str(sum(seen.faults.values())),
            **{f"fault {fault.value}": str(count) for fault, count in seen.faults.items()},
        }
        level, text = self._camera_level(camera, seen, verdict)
        return self._status(f"camera {name}", level, text, values, hardware_id=camera.topic)

    def _camera_level(self, camera: CameraSubscription, seen: CameraStatistics, verdict: Verdict) -> tuple[bytes, str]:
        name, timeout_s = camera.camera.name, camera.camera.source_timeout_s
        faulty = self._trouble.recent(f"{name} faults", sum(seen.faults.values()))
        losing = self._trouble.recent(f"{name} lost", camera.arrivals.lost)
        changed = self._trouble.recent(f"{name} changes", seen.form_changes + seen.restarts)
        for finding in verdict.decided_by:
            if finding.source == name and finding.effect is Effect.BLIND:
                return (ERROR if seen.used else STALE), finding.text
        if seen.age_s is None:
            if faulty:
                return ERROR, f"All {seen.received} frames are broken: {_fault_names(seen)}."
            return STALE, f"No frame has come on {camera.topic}."
        if timeout_s and seen.age_s > timeout_s:
            return ERROR, f"The newest frame is {seen.age_s:.1f} s old."
        if faulty:
            return WARN, f"Frames could not be used: {_fault_names(seen)}."
        if losing:
            return WARN, f"{camera.arrivals.lost} frames were lost on the way."
        if changed:
            return WARN, f"The camera was interrupted or changed its images; it now sends {seen.form}."
        return OK, f"{seen.rate_hz:.1f} Hz, {seen.form}"

    def _status(
        self, name: str, level: bytes, text: str, values: Mapping[str, str], hardware_id: str = ""
    ) -> DiagnosticStatus:
        return DiagnosticStatus(
            name=f"{self._node_name}: {name}",
            level=level,
            message=text,
            hardware_id=hardware_id or self._node_name,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )


def _loss(arrivals: Arrivals, reported: bool) -> dict[str, str]:
    return {
        "frames lost": str(arrivals.lost),
        "frames lost, reported by the middleware": str(arrivals.reported_lost) if reported else "not reported",
        "frames lost, estimated from gaps": str(arrivals.missing),
    }


def _fault_names(seen: CameraStatistics) -> str:
    return ", ".join(f"{fault.value} ({count})" for fault, count in seen.faults.items())


def _seconds(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _milliseconds(value: float) -> str:
    return "" if math.isnan(value) else f"{1e3 * value:.1f}"
