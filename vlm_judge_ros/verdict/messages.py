"""From the types of the engine to messages, be they of ROS 2 itself or of a writer of bags that needs none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.episode.stamps import NANOSECONDS_PER_SECOND
from vlm_judge_ros.judges.opinion import Critique
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.provenance import provenance_of
from vlm_judge_ros.verdict.verdict import EvidenceFrame, FindingRecord, Provenance, SubtaskRecord, Verdict

TYPES: Mapping[str, tuple[str, ...]] = {
    "vlm_judge_ros": (
        "Critique",
        "EvidenceFrame",
        "Failure",
        "Finding",
        "Findings",
        "Progress",
        "Provenance",
        "Subtask",
        "Verdict",
    ),
    "std_msgs": ("Header",),
    "builtin_interfaces": ("Time",),
}
"""The types that messages are made of, by package."""


class Messages:
    """Makes messages.

    Args:
        types: makes a message of each of `TYPES` from all its fields, by name without package.
        octets: makes the value of a field `uint8[]`.
    """

    def __init__(self, types: Mapping[str, Callable[..., Any]], octets: Callable[[list[int]], Any] = list) -> None:
        self._types = types
        self._octets = octets

    def time(self, stamp_ns: int | None) -> Any:
        """A stamp; zero where it is not known."""
        seconds, nanosec = divmod(max(0, stamp_ns or 0), NANOSECONDS_PER_SECOND)
        return self._types["Time"](sec=seconds, nanosec=nanosec)

    def header(self, stamp_ns: int, frame_id: str = "") -> Any:
        """A header."""
        return self._types["Header"](stamp=self.time(stamp_ns), frame_id=frame_id)

    def verdict(self, verdict: Verdict) -> Any:
        """A verdict."""
        return self._types["Verdict"](
            header=self.header(verdict.stamp_ns),
            episode_id=verdict.episode_id,
            task=verdict.task,
            chunk_id=verdict.chunk_id,
            elapsed_s=verdict.elapsed_s,
            state=int(verdict.state),
            progress=or_nan(verdict.progress),
            success_probability=or_nan(verdict.success_probability),
            confidence=or_nan(verdict.confidence),
            failure_mode=int(verdict.failure_mode),
            failure_onset=self.time(verdict.failure_onset_ns),
            reason=verdict.reason,
            decided_by=self._findings(verdict.decided_by),
            overruled=self._findings(verdict.overruled),
            missing_layers=self._octets([int(layer) for layer in verdict.missing_layers]),
            subtasks=self._subtasks(verdict.subtasks),
            provenance=self.provenance(verdict.provenance),
            review=self._findings(verdict.review),
            review_provenance=self.provenance(verdict.review_provenance or Provenance(software_version="")),
        )

    def failure(self, event: FailureEvent, evidence_uri: str = "") -> Any:
        """A failure event, with the address of its clip."""
        return self._types["Failure"](
            header=self.header(event.stamp_ns),
            episode_id=event.episode_id,
            event_id=event.event_id,
            status=int(event.status),
            mode=int(event.mode),
            code=event.mode.name,
            severity=int(event.severity),
            onset=self.time(event.onset_ns),
            confidence=or_nan(event.confidence),
            deciding_layer=int(event.deciding_layer),
            evidence=self._findings(event.evidence),
            evidence_uri=evidence_uri,
            text=event.text,
            provenance=self.provenance(event.provenance),
        )

    def findings(self, now_ns: int, episode_id: str, findings: Iterable[Finding]) -> Any:
        """Everything that all layers find; `now_ns` is the node clock."""
        return self._types["Findings"](
            header=self.header(now_ns),
            episode_id=episode_id,
            findings=self._findings(map(FindingRecord.of, findings)),
        )

    def progress(self, update: ProgressUpdate) -> Any:
        """What the judge alone said."""
        opinion = update.opinion
        evidence = opinion.evidence
        return self._types["Progress"](
            header=self.header(evidence.now_ns),
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
            subtasks=self._subtasks(SubtaskRecord.of(subtask) for subtask in opinion.subtasks),
            critique=self._critique(opinion.critique or Critique()),
            provenance=self.provenance(provenance_of(opinion, update.latency_s)),
        )

    def _findings(self, findings: Iterable[FindingRecord]) -> list[Any]:
        return [
            self._types["Finding"](
                layer=int(finding.layer),
                name=finding.name,
                source=finding.source,
                effect=int(finding.effect),
                severity=int(finding.severity),
                mode=int(finding.mode),
                value=or_nan(finding.value),
                limit=or_nan(finding.limit),
                unit=finding.unit,
                stamp=self.time(finding.stamp_ns),
                onset=self.time(finding.onset_ns),
                text=finding.text,
            )
            for finding in findings
        ]

    def _subtasks(self, subtasks: Iterable[SubtaskRecord]) -> list[Any]:
        return [
            self._types["Subtask"](
                index=index,
                name=subtask.name,
                weight=subtask.weight,
                progress=or_nan(subtask.progress),
                state=int(subtask.state),
                started=self.time(None),
                ended=self.time(None),
            )
            for index, subtask in enumerate(subtasks)
        ]

    def _critique(self, critique: Critique) -> Any:
        return self._types["Critique"](
            smoothness=critique.smoothness,
            efficiency=critique.efficiency,
            safety=critique.safety,
            advice=critique.advice,
            camera=critique.camera,
            at_s=critique.at_s,
        )

    def _frames(self, frames: Iterable[EvidenceFrame]) -> list[Any]:
        return [
            self._types["EvidenceFrame"](
                camera=frame.camera, stamp=self.time(frame.stamp_ns), age_s=frame.age_s, role=int(frame.role)
            )
            for frame in frames
        ]

    def provenance(self, provenance: Provenance) -> Any:
        """Where an answer came from."""
        return self._types["Provenance"](
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
            latency_s=or_nan(provenance.latency_s),
            deciding_layers=self._octets([int(layer) for layer in provenance.deciding_layers]),
            frames=self._frames(provenance.frames),
        )
