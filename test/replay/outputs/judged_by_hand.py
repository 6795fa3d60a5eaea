"""Feeds an output what a judged episode would, without a judge."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame, FrameRole
from vlm_judge_ros.judges.opinion import Critique, JudgeProvenance, Opinion, SubtaskOpinion, SubtaskState
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.output import Output
from vlm_judge_ros.replay.scoring.remembered import Remembered
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, RecordedEpisode
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import EvidenceFrame, FindingRecord, Provenance, State, SubtaskRecord, Verdict

FINDING = Finding(
    layer=Layer.THRESHOLD,
    name="force_high",
    source="wrench",
    effect=Effect.FAILURE,
    text="Gripper pressed with 55 N; the limit is 40 N (é).",
    stamp_ns=1_700_000_001_500_000_007,
    onset_ns=1_700_000_001_250_000_000,
    severity=Severity.CRITICAL,
    mode=FailureMode.COLLISION,
    value=55.0,
    limit=40.0,
    unit="N",
)
PROVENANCE = Provenance(
    model="by hand",
    model_hash="0123456789abcdef",
    provider="cpu",
    method="direct",
    seed=7,
    software_version="0",
    latency_s=0.25,
    deciding_layers=(Layer.THRESHOLD, Layer.JUDGE),
    frames=(EvidenceFrame(camera="front", stamp_ns=1_700_000_001_000_000_000, age_s=0.5, role=FrameRole.NEWEST),),
)
VERDICT = Verdict(
    stamp_ns=1_700_000_001_500_000_000,
    episode_id="square-moved",
    task="move the square to the right",
    chunk_id=2,
    elapsed_s=1.5,
    state=State.FAILED,
    progress=0.375,
    success_probability=0.125,
    confidence=0.5,
    failure_mode=FailureMode.COLLISION,
    failure_onset_ns=1_700_000_001_250_000_000,
    reason="It pressed with 55 N.",
    decided_by=(FindingRecord.of(FINDING),),
    overruled=(FindingRecord.of(replace(FINDING, value=math.nan, onset_ns=None)),),
    missing_layers=(Layer.EVENT,),
    subtasks=(SubtaskRecord(name="reach", weight=1.0, progress=0.5, state=SubtaskState.ACTIVE),),
    provenance=PROVENANCE,
    review=(FindingRecord.of(replace(FINDING, source="review")),),
    review_provenance=PROVENANCE,
)
FAILURE = FailureEvent(
    stamp_ns=1_700_000_001_500_000_000,
    episode_id="square-moved",
    event_id=1,
    status=FailureStatus.CONFIRMED,
    mode=FailureMode.COLLISION,
    severity=Severity.CRITICAL,
    onset_ns=1_700_000_001_250_000_000,
    confidence=0.75,
    deciding_layer=Layer.THRESHOLD,
    evidence=(FindingRecord.of(FINDING),),
    text="It pressed with 55 N.",
    provenance=PROVENANCE,
)


def update() -> ProgressUpdate:
    """An answer in which every field says something."""
    question = proof(("front", "wrist"))
    opinion = Opinion(
        evidence=question,
        provenance=JudgeProvenance("by hand", "0123456789abcdef", "cpu", "direct", seed=7),
        progress=0.375,
        progress_low=0.25,
        progress_high=0.5,
        success_probability=0.125,
        failure_probability=0.875,
        failure_mode=FailureMode.COLLISION,
        reason="It presses.",
        subtasks=(SubtaskOpinion("reach", 1.0, 0.5, SubtaskState.ACTIVE),),
        critique=Critique(smoothness=0.5, advice="Slower.", camera="front", at_s=1.5),
    )
    return ProgressUpdate(opinion, 0.125, 0.25)


@dataclass(frozen=True)
class Elsewhere:
    """An episode whose recording is not a bag."""

    episode: RecordedEpisode

    @property
    def description(self) -> EpisodeDescription:
        return self.episode.description

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        return self.episode.events(declared)


def judge_by_hand(episode: RecordedEpisode, output: Output, verdict: Verdict = VERDICT) -> list[int]:
    """A verdict, an answer and findings once a second, a failure at the end; returns when the verdicts came."""
    remembered, times_ns = Remembered(episode.description), []
    first = episode.description.started_ns
    now_ns = first
    for event in episode.events():
        now_ns = max(now_ns, event.time_ns)
        output.see(event)
        if isinstance(event.content, Frame) and event.content.camera == "front":
            tenths = round((event.content.stamp_ns - first) / 1e8)
            if tenths % 10 == 0:
                output.progress(update(), now_ns)
                output.verdict(verdict.model_copy(update={"chunk_id": tenths}), now_ns)
                output.look((FINDING,), now_ns)
                times_ns.append(now_ns)
    output.failure(FAILURE, now_ns)
    remembered.verdict(verdict, now_ns)
    output.finish(remembered.trace())
    return times_ns
