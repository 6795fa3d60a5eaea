"""Remembers one judged episode, in seconds from its start, as a report shows it."""

from __future__ import annotations

from collections import Counter

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.replay.events import BrokenFrame, Event
from vlm_judge_ros.replay.instrument import Instrument, instrument
from vlm_judge_ros.replay.scoring.left_out import LeftOut
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.replay.stretches import Alarms, Steps
from vlm_judge_ros.replay.trace import Answer, EpisodeTrace, Ruling
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Provenance, Verdict


class Remembered:
    """Builds the trace of one episode, without its pictures.

    Args:
        description: of the episode.
    """

    def __init__(self, description: EpisodeDescription) -> None:
        self._description = description
        self._answers: list[Answer] = []
        self._rulings: list[Ruling] = []
        self._failures: list[FailureEvent] = []
        self._alarms = Alarms()
        self._findings: tuple[Finding, ...] = ()
        self._steps = Steps()
        self._frames: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._left_out = LeftOut(description.started_ns)
        self._provenance: Provenance | None = None

    def see(self, event: Event) -> None:
        """Count frames, and what cannot be used."""
        if isinstance(event.content, Frame):
            self._frames[event.content.camera] += 1
        elif isinstance(event.content, BrokenFrame):
            self._broken[event.content.camera] += 1
        self._left_out.see(event)

    def look(self, findings: tuple[Finding, ...], now_ns: int) -> None:
        """Take what all layers found, where they have been weighed since the last call."""
        if findings is self._findings:
            return
        self._findings = findings
        self._alarms.look(findings, self._seconds(now_ns))

    def progress(self, update: ProgressUpdate) -> None:
        """Take an answer of the judge."""
        opinion = update.opinion
        time_s = self._seconds(opinion.evidence.now_ns)
        self._answers.append(
            Answer(
                time_s=time_s,
                progress=opinion.progress,
                progress_low=opinion.progress_low,
                progress_high=opinion.progress_high,
                success_probability=opinion.success_probability,
                failure_probability=opinion.failure_probability,
                failure_mode=opinion.failure_mode,
                novelty=opinion.novelty,
                reason=opinion.reason,
                latency_s=update.latency_s,
                raw_score=opinion.raw_score,
                input_tokens=opinion.cost.input_tokens,
                output_tokens=opinion.cost.output_tokens,
                money=opinion.cost.money,
            )
        )
        self._steps.look(((step.name, step.state) for step in opinion.subtasks), time_s)

    def failure(self, event: FailureEvent) -> None:
        """Take a change of status of a failure."""
        self._failures.append(event)

    def verdict(self, verdict: Verdict, now_ns: int) -> None:
        """Take a verdict; one that only repeats the one before is passed over."""
        ruling = Ruling(
            time_s=self._seconds(verdict.stamp_ns),
            known_s=max(self._seconds(verdict.stamp_ns), self._seconds(now_ns)),
            state=verdict.state,
            progress=or_nan(verdict.progress),
            failure_mode=verdict.failure_mode,
            onset_s=self._seconds(verdict.failure_onset_ns) if verdict.failure_onset_ns is not None else None,
            reason=verdict.reason,
            decided_by=tuple(record.finding() for record in verdict.decided_by),
            overruled=tuple(record.finding() for record in verdict.overruled),
        )
        self._provenance = verdict.provenance
        if not self._rulings or not self._rulings[-1].repeats(ruling):
            self._rulings.append(ruling)

    def trace(self) -> EpisodeTrace:
        """What is known by now."""
        description = self._description
        return EpisodeTrace(
            name=description.name,
            task=description.task,
            started_ns=description.started_ns,
            duration_s=description.duration_s,
            cameras=description.cameras,
            answers=tuple(self._answers),
            rulings=tuple(self._rulings),
            truth=description.truth,
            true_progress=description.true_progress,
            provenance=instrument(self._provenance),
            instrument=Instrument.of(self._provenance) if self._provenance is not None else None,
            frames_in={camera: self._frames[camera] + self._broken[camera] for camera in description.cameras},
            frames_lost=dict.fromkeys(description.cameras, 0),
            failures=tuple(self._failures),
            alarms=self._alarms.found(),
            steps=self._steps.found(description.duration_s),
            left_out=self._left_out.sentences(),
        )

    def _seconds(self, stamp_ns: int) -> float:
        return max(0.0, (stamp_ns - self._description.started_ns) * 1e-9)
