"""Between messages and the types of the engine."""

from __future__ import annotations

import math
from collections.abc import Iterable

from builtin_interfaces.msg import Time

from vlm_judge_ros import msg
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import NANOSECONDS_PER_SECOND
from vlm_judge_ros.judges.opinion import Critique
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.provenance import provenance_of
from vlm_judge_ros.verdict.verdict import EvidenceFrame, FindingRecord, Provenance, SubtaskRecord, Verdict


def time_message(stamp_ns: int | None) -> Time:
    """A stamp as a message; zero where it is not known."""
    seconds, nanosec = divmod(max(0, stamp_ns or 0), NANOSECONDS_PER_SECOND)
    return Time(sec=seconds, nanosec=nanosec)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def verdict_message(verdict: Verdict) -> msg.Verdict:
    """A verdict as a message."""
    message = msg.Verdict(
        episode_id=verdict.episode_id,
        task=verdict.task,
        chunk_id=verdict.chunk_id,
        elapsed_s=verdict.elapsed_s,
        state=int(verdict.state),
        progress=_number(verdict.progress),
        success_probability=_number(verdict.success_probability),
        confidence=_number(verdict.confidence),
        failure_mode=int(verdict.failure_mode),
        failure_onset=time_message(verdict.failure_onset_ns),
        reason=verdict.reason,
        decided_by=_finding_messages(verdict.decided_by),
        overruled=_finding_messages(verdict.overruled),
        missing_layers=[int(layer) for layer in verdict.missing_layers],
        subtasks=_subtask_messages(verdict.subtasks),
        provenance=_provenance_message(verdict.provenance),
        review=_finding_messages(verdict.review),
        review_provenance=_provenance_message(verdict.review_provenance or Provenance(software_version="")),
    )
    message.header.stamp = time_message(verdict.stamp_ns)
    return message


def failure_message(event: FailureEvent, evidence_uri: str = "") -> msg.Failure:
    """A failure event as a message, with the address of its clip."""
    message = msg.Failure(
        episode_id=event.episode_id,
        event_id=event.event_id,
        status=int(event.status),
        mode=int(event.mode),
        code=event.mode.name,
        severity=int(event.severity),
        onset=time_message(event.onset_ns),
        confidence=_number(event.confidence),
        deciding_layer=int(event.deciding_layer),
        evidence=_finding_messages(event.evidence),
        evidence_uri=evidence_uri,
        text=event.text,
        provenance=_provenance_message(event.provenance),
    )
    message.header.stamp = time_message(event.stamp_ns)
    return message


def heartbeat_message(count: int, now_ns: int, verdict: Verdict, worst: FailureEvent | None) -> msg.Heartbeat:
    """A heartbeat.

    Args:
        count: its number, from 1.
        now_ns: the node clock.
        verdict: the newest verdict.
        worst: the worst failure that is confirmed now; None for none.
    """
    message = msg.Heartbeat(
        count=count,
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
    message = msg.Findings(episode_id=episode_id, findings=_finding_messages(map(FindingRecord.of, findings)))
    message.header.stamp = time_message(now_ns)
    return message


def progress_message(update: ProgressUpdate) -> msg.Progress:
    """What the judge alone said, as a message."""
    opinion = update.opinion
    evidence = opinion.evidence
    message = msg.Progress(
        episode_id=evidence.episode_id,
        task=evidence.task,
        chunk_id=evidence.chunk_id,
        elapsed_s=evidence.elapsed_s,
        progress=opinion.progress,
        progress_low=opinion.progress_low,
        progress_high=opinion.progress_high,
        reward=update.reward,
        raw_score=opinion.raw_score,
        raw_score_bound=opinion.raw_score_bound,
        success_probability=opinion.success_probability,
        failure_probability=opinion.failure_probability,
        failure_mode=int(opinion.failure_mode),
        calibrated=opinion.calibrated,
        novelty=opinion.novelty,
        unparsable=opinion.unparsable,
        reason=opinion.reason,
        subtasks=_subtask_messages(SubtaskRecord.of(subtask) for subtask in opinion.subtasks),
        critique=_critique_message(opinion.critique or Critique()),
        provenance=_provenance_message(provenance_of(opinion, update.latency_s)),
    )
    message.header.stamp = time_message(evidence.now_ns)
    return message


def mode_name(mode: FailureMode) -> str:
    """The code of a failure mode; empty for none."""
    return "" if mode is FailureMode.NONE else mode.name


def _finding_messages(findings: Iterable[FindingRecord]) -> list[msg.Finding]:
    return [
        msg.Finding(
            layer=int(finding.layer),
            name=finding.name,
            source=finding.source,
            effect=int(finding.effect),
            severity=int(finding.severity),
            mode=int(finding.mode),
            value=_number(finding.value),
            limit=_number(finding.limit),
            unit=finding.unit,
            stamp=time_message(finding.stamp_ns),
            onset=time_message(finding.onset_ns),
            text=finding.text,
        )
        for finding in findings
    ]


def _subtask_messages(subtasks: Iterable[SubtaskRecord]) -> list[msg.Subtask]:
    return [
        msg.Subtask(
            index=index,
            name=subtask.name,
            weight=subtask.weight,
            progress=_number(subtask.progress),
            state=int(subtask.state),
        )
        for index, subtask in enumerate(subtasks)
    ]


def _critique_message(critique: Critique) -> msg.Critique:
    return msg.Critique(
        smoothness=critique.smoothness,
        efficiency=critique.efficiency,
        safety=critique.safety,
        advice=critique.advice,
        camera=critique.camera,
        at_s=critique.at_s,
    )


def _frame_messages(frames: Iterable[EvidenceFrame]) -> list[msg.EvidenceFrame]:
    return [
        msg.EvidenceFrame(
            camera=frame.camera, stamp=time_message(frame.stamp_ns), age_s=frame.age_s, role=int(frame.role)
        )
        for frame in frames
    ]


def _provenance_message(provenance: Provenance) -> msg.Provenance:
    return msg.Provenance(
        model=provenance.model,
        model_hash=provenance.model_hash,
        provider=provenance.provider,
        method=provenance.method,
        prompt_set=provenance.prompt_set,
        prompt_hash=provenance.prompt_hash,
        calibration=provenance.calibration,
        judge_card=provenance.judge_card,
        task_file=provenance.task_file,
        seed=provenance.seed,
        software_version=provenance.software_version,
        latency_s=_number(provenance.latency_s),
        deciding_layers=[int(layer) for layer in provenance.deciding_layers],
        frames=_frame_messages(provenance.frames),
    )
