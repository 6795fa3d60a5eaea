"""One running episode: its buffers, its monitors, and what the gate remembers of it."""

from __future__ import annotations

import math

from vlm_judge_ros import __version__
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.keyframes import KeyframeBuffer
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.monitors.motion import ImageMotion, JointMotion
from vlm_judge_ros.monitors.progress import ProgressTrend
from vlm_judge_ros.verdict.failure import FailureEvent, FailureTracker
from vlm_judge_ros.verdict.gate import Decision, GateMemory, decide
from vlm_judge_ros.verdict.judgement import judge_findings
from vlm_judge_ros.verdict.onset import ProgressHistory
from vlm_judge_ros.verdict.schedule import Schedule
from vlm_judge_ros.verdict.settings import EngineSettings
from vlm_judge_ros.verdict.verdict import EvidenceFrame, FindingRecord, Provenance, State, Verdict, known


class RunningEpisode:
    """Everything that lives as long as one episode."""

    def __init__(self, settings: EngineSettings, episode_id: str, task: str, started_ns: int) -> None:
        self.episode_id = episode_id
        self.task = task
        self.started_ns = started_ns
        self.judge_fault = ""
        self.schedule = Schedule(
            started_ns, settings.period_s, settings.chunk_grace_s, settings.judge.opinion_timeout_s / 2.0
        )
        self.joints = JointMotion(settings.motion)
        self.failures = FailureTracker(episode_id)
        self.buffers: dict[str, KeyframeBuffer] = {}
        self._settings = settings
        self._images = ImageMotion(settings.camera_names, settings.motion)
        self._trend = ProgressTrend(settings.trend)
        self._history = ProgressHistory()
        self._memory = GateMemory()
        self._opinion: Opinion | None = None
        self._latency_s = math.nan
        self._known_progress = math.nan
        self._void: Finding | None = None
        self._newest_ns = started_ns
        self._clear_buffers()

    @property
    def void(self) -> bool:
        """True after the clock jumped: nothing that was seen can be ordered in time any more."""
        return self._void is not None

    def make_void(self, finding: Finding) -> None:
        """Drop all evidence, for the reason that the finding tells; the episode stays UNKNOWN to its end."""
        self._void = finding
        self._clear_buffers()

    def add_frame(self, frame: Frame) -> None:
        """Take a frame; those from before the start of the episode are passed over."""
        if self.void or frame.stamp_ns < self.started_ns:
            return
        self._newest_ns = max(self._newest_ns, frame.stamp_ns)
        self.buffers[frame.camera].add(frame)
        self._images.add(frame)

    def takes(self, opinion: Opinion) -> bool:
        """Tell whether an answer belongs to this episode and is not older than the one taken last."""
        if self.void or opinion.evidence.episode_id != self.episode_id:
            return False
        return self._opinion is None or opinion.evidence.now_ns >= self._opinion.evidence.now_ns

    def add_opinion(self, opinion: Opinion, latency_s: float) -> float:
        """Take an answer and return the reward; NaN for the first, or where progress is not known."""
        stamp_ns, progress = opinion.evidence.now_ns, opinion.progress
        self._opinion, self._latency_s, self.judge_fault = opinion, latency_s, ""
        self._trend.add(stamp_ns, progress)
        self._history.add(stamp_ns, progress)
        reward = progress - self._known_progress
        if not math.isnan(progress):
            self._known_progress = progress
        return reward

    def evaluate(self, camera_findings: tuple[Finding, ...], now_ns: int) -> tuple[Verdict, tuple[FailureEvent, ...]]:
        """Weigh everything that is known now.

        Returns:
            The verdict, and the failure events that follow from it.
        """
        if self._void is not None:
            reason = self._void.text
            return self._compose(Decision(State.UNKNOWN, reason, (self._void,)), now_ns), ()
        findings = [*camera_findings, *judge_findings(self._opinion, self.judge_fault, now_ns, self._settings.judge)]
        findings += self._trend.findings()
        findings += [self.joints.finding(now_ns), self._images.finding(now_ns)]
        decision, self._memory = decide(self._memory, findings, self._settings.gate)
        verdict = self._compose(decision, now_ns)
        events = self.failures.update(self._memory.failure, verdict.stamp_ns, self._onset_ns(), verdict.provenance)
        return verdict, events

    def _onset_ns(self) -> int | None:
        failure = self._memory.failure
        if failure is None:
            return None
        return failure.finding.onset_ns or self._history.onset_ns(failure.since_ns)

    def _compose(self, decision: Decision, now_ns: int) -> Verdict:
        opinion = self._opinion
        failure = self._memory.failure if decision.state is State.FAILED else None
        stamp_ns = max([self.started_ns if self.void else self._newest_ns, *(found.stamp_ns for found in decision.decided_by)])
        blind = decision.state is State.UNKNOWN
        return Verdict(
            stamp_ns=stamp_ns,
            episode_id=self.episode_id,
            task=self.task,
            chunk_id=opinion.evidence.chunk_id if opinion else 0,
            elapsed_s=max(0.0, (stamp_ns - self.started_ns) * 1e-9),
            state=decision.state,
            progress=known(opinion.progress) if opinion and not blind else None,
            success_probability=known(opinion.success_probability) if opinion and not blind else None,
            confidence=known(decision.confidence) if decision.confidence is not None else None,
            failure_mode=failure.finding.mode if failure else FailureMode.NONE,
            failure_onset_ns=self._onset_ns() if failure else None,
            reason=decision.reason,
            decided_by=tuple(FindingRecord.of(finding) for finding in decision.decided_by),
            overruled=tuple(FindingRecord.of(finding) for finding in decision.overruled),
            missing_layers=decision.missing_layers,
            provenance=self._provenance(decision),
        )

    def _provenance(self, decision: Decision) -> Provenance:
        layers = tuple(sorted({finding.layer for finding in decision.decided_by}))
        if self._opinion is None:
            return Provenance(software_version=__version__, deciding_layers=layers)
        judge, evidence = self._opinion.provenance, self._opinion.evidence
        frames = tuple(
            EvidenceFrame(
                camera=camera,
                stamp_ns=keyframe.frame.stamp_ns,
                age_s=(evidence.now_ns - keyframe.frame.stamp_ns) * 1e-9,
                role=keyframe.role,
            )
            for camera, keyframes in evidence.keyframes.items()
            for keyframe in keyframes
        )
        return Provenance(
            model=judge.model,
            model_hash=judge.model_hash,
            provider=judge.provider,
            method=judge.method,
            prompt_set=judge.prompt_set,
            prompt_hash=judge.prompt_hash,
            calibration=judge.calibration,
            judge_card=judge.judge_card,
            seed=judge.seed,
            software_version=__version__,
            latency_s=known(self._latency_s),
            deciding_layers=layers,
            frames=frames,
        )

    def _clear_buffers(self) -> None:
        self.buffers = {
            name: KeyframeBuffer(self.started_ns, self._settings.buffer) for name in self._settings.camera_names
        }
