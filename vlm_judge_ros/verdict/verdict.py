"""Verdict types: what leaves the engine, for ROS messages and for JSON lines alike.

Fields mirror `vlm_judge_ros/msg/Verdict`. What is NaN or zero for "absent" there is None here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import FrameRole
from vlm_judge_ros.episode.known import known, or_nan
from vlm_judge_ros.judges.opinion import SubtaskOpinion, SubtaskState
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class State(IntEnum):
    """State of a verdict; values equal the constants `STATE_*` of `vlm_judge_ros/msg/Verdict`."""

    UNKNOWN = 0
    PROGRESSING = 1
    STALLED = 2
    REGRESSING = 3
    FAILED = 4
    SUCCEEDED = 5


class Record(BaseModel):
    """Base of all records: unchangeable, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FindingRecord(Record):
    """A finding as it stands in a verdict; see `vlm_judge_ros.monitors.finding.Finding`."""

    layer: Layer
    name: str = Field(min_length=1)
    source: str = ""
    effect: Effect
    severity: Severity
    mode: FailureMode = FailureMode.NONE
    value: float | None = None
    limit: float | None = None
    unit: str = "1"
    stamp_ns: int
    onset_ns: int | None = None
    text: str = Field(min_length=1)

    @classmethod
    def of(cls, finding: Finding) -> FindingRecord:
        """Take over a finding."""
        return cls(
            layer=finding.layer,
            name=finding.name,
            source=finding.source,
            effect=finding.effect,
            severity=finding.severity,
            mode=finding.mode,
            value=known(finding.value),
            limit=known(finding.limit),
            unit=finding.unit,
            stamp_ns=finding.stamp_ns,
            onset_ns=finding.onset_ns,
            text=finding.text,
        )

    def finding(self) -> Finding:
        """Give it back; what was infinite is NaN."""
        return Finding(
            layer=self.layer,
            name=self.name,
            source=self.source,
            effect=self.effect,
            text=self.text,
            stamp_ns=self.stamp_ns,
            onset_ns=self.onset_ns,
            severity=self.severity,
            mode=self.mode,
            value=or_nan(self.value),
            limit=or_nan(self.limit),
            unit=self.unit,
        )


class EvidenceFrame(Record):
    """A frame that an answer rests on; see `vlm_judge_ros/msg/EvidenceFrame`."""

    camera: str = Field(min_length=1)
    stamp_ns: int
    age_s: float
    role: FrameRole


class Provenance(Record):
    """Where an answer came from; see `vlm_judge_ros/msg/Provenance`."""

    model: str = ""
    model_hash: str = ""
    provider: str = ""
    method: str = ""
    prompt_set: str = ""
    prompt_hash: str = ""
    calibration: str = ""
    judge_card: str = ""
    task_file: str = ""
    seed: int = -1
    software_version: str
    latency_s: float | None = None
    deciding_layers: tuple[Layer, ...] = ()
    frames: tuple[EvidenceFrame, ...] = ()


class SubtaskRecord(Record):
    """A step of the task as it stands in a verdict; see `vlm_judge_ros/msg/Subtask`."""

    name: str = Field(min_length=1)
    weight: Share
    progress: Share | None = None
    state: SubtaskState = SubtaskState.UNKNOWN

    @classmethod
    def of(cls, subtask: SubtaskOpinion) -> SubtaskRecord:
        """Take over what a judge makes of a step."""
        return cls(name=subtask.name, weight=subtask.weight, progress=known(subtask.progress), state=subtask.state)


class Verdict(Record):
    """What the gate makes of all layers; see `vlm_judge_ros/msg/Verdict`.

    Attributes:
        stamp_ns: the newest evidence that was used.
        episode_id: empty where no episode is running.
        task: empty where no episode is running.
        chunk_id: the chunk whose answer led to this verdict; 0 for none.
        elapsed_s: seconds from the start of the episode to the stamp.
        state: what the episode is doing.
        progress: 0 to 1, absolute; None where it is not known.
        success_probability: that the task is complete now; None where it is not known.
        confidence: how sure the gate is of the state; None where no layer gives a confidence.
        failure_mode: NONE unless the state is FAILED.
        failure_onset_ns: best estimate of when the failure began; None unless the state is FAILED.
        reason: one sentence for a person.
        decided_by: the findings that decided the state.
        overruled: the findings that spoke against it.
        missing_layers: layers that this task asks for and that gave nothing.
        subtasks: the steps of the task, as the newest opinion has them that tells any; empty for none.
        provenance: where the answer came from of the judge that is always on.
        review: what the review says, or why there is none; empty where none is wanted, or none counts any more.
        review_provenance: where its newest answer came from; None where it gave none in this episode.
    """

    stamp_ns: int
    episode_id: str = ""
    task: str = ""
    chunk_id: int = Field(default=0, ge=0)
    elapsed_s: float = Field(default=0.0, ge=0.0)
    state: State
    progress: Share | None = None
    success_probability: Share | None = None
    confidence: Share | None = None
    failure_mode: FailureMode = FailureMode.NONE
    failure_onset_ns: int | None = None
    reason: str = Field(min_length=1)
    decided_by: tuple[FindingRecord, ...] = ()
    overruled: tuple[FindingRecord, ...] = ()
    missing_layers: tuple[Layer, ...] = ()
    subtasks: tuple[SubtaskRecord, ...] = ()
    provenance: Provenance
    review: tuple[FindingRecord, ...] = ()
    review_provenance: Provenance | None = None
