"""What happened in one judged episode, in seconds from its start; everything that a report shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.replay.instrument import Instrument
from vlm_judge_ros.replay.truth import EpisodeTruth
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.verdict import State


@dataclass(frozen=True, slots=True)
class Answer:
    """What the judge alone said, once. NaN means that it did not say.

    Attributes:
        time_s: newest frame that the answer rests on.
        progress: 0 to 1.
        progress_low: lower end of the interval of progress.
        progress_high: upper end of the interval of progress.
        success_probability: that the task is complete now.
        failure_probability: that the episode is failing now.
        failure_mode: the most likely mode if it is failing.
        novelty: above 1 the judge declines to answer.
        raw_score: the method's score before calibration, in its own unit.
        reason: one sentence; empty where there is nothing to add.
        latency_s: wall-clock seconds from question to answer.
        input_tokens: tokens that a server read for it.
        output_tokens: tokens that a server wrote for it.
        money: what these cost, in the currency of the server's prices.
    """

    time_s: float
    progress: float = math.nan
    progress_low: float = math.nan
    progress_high: float = math.nan
    success_probability: float = math.nan
    failure_probability: float = math.nan
    failure_mode: FailureMode = FailureMode.NONE
    novelty: float = math.nan
    reason: str = ""
    latency_s: float = math.nan
    raw_score: float = math.nan
    input_tokens: float = math.nan
    output_tokens: float = math.nan
    money: float = math.nan


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the gate made of all layers; it holds until the next ruling.

    Attributes:
        time_s: newest evidence that was used.
        known_s: when the ruling reached a listener; never before `time_s`.
        state: what the episode is doing.
        progress: 0 to 1; NaN where it is not known.
        failure_mode: NONE unless the state is FAILED.
        onset_s: best estimate of when the failure began; None where there is none.
        reason: one sentence.
        decided_by: the findings that decided.
        overruled: the findings that spoke against it.
    """

    time_s: float
    known_s: float
    state: State
    progress: float
    failure_mode: FailureMode
    onset_s: float | None
    reason: str
    decided_by: tuple[Finding, ...] = ()
    overruled: tuple[Finding, ...] = ()

    def repeats(self, other: Ruling) -> bool:
        """Whether another ruling only says the same, as the answer of a service does. NaN equals itself here."""

        def told(ruling: Ruling) -> tuple[object, ...]:
            progress = None if math.isnan(ruling.progress) else ruling.progress
            return ruling.time_s, ruling.state, ruling.failure_mode, ruling.reason, progress

        return told(self) == told(other)

    @property
    def further_findings(self) -> tuple[Finding, ...]:
        """The deciding findings that the reason does not already quote."""
        return tuple(finding for finding in self.decided_by if finding.text not in self.reason)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which the state stayed the same, and the ruling that began it."""

    begin_s: float
    end_s: float
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stretch of time in which a layer spoke for a failure, or could not see.

    Attributes:
        begin_s: when it was weighed first.
        end_s: when it was weighed last.
        finding: as it was at the beginning.
    """

    begin_s: float
    end_s: float
    finding: Finding


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of time in which a subtask was the one that was worked at.

    Attributes:
        name: of the subtask.
        begin_s: when the judge named it first.
        end_s: when it named another one, or the end of the episode.
    """

    name: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of one camera, as JPEG."""

    camera: str
    time_s: float
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Curve:
    """A quantity over time; both tuples have the same length, and times rise."""

    times_s: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def at(self, time_s: float) -> float:
        """The newest value that is not later than `time_s`; NaN where there is none."""
        newest = math.nan
        for when, value in zip(self.times_s, self.values, strict=True):
            if when > time_s:
                break
            newest = value
        return newest


@dataclass(frozen=True, slots=True)
class EpisodeTrace:
    """One judged episode.

    Attributes:
        name: name of the episode.
        task: the instruction.
        started_ns: stamp of its start; findings carry stamps on the same clock.
        duration_s: seconds from its start to its last frame.
        cameras: their names, in order.
        answers: what the judge said, in order of time.
        rulings: what the gate made of it, in order of time; the last one is the final verdict.
        shots: pictures of all cameras, in order of time.
        truth: how it really went; None where nobody knows.
        true_progress: how far it really was; empty where nobody knows.
        provenance: which instrument judged: label to text, for people.
        instrument: the same for programs; None where it is not known, as of episodes judged before it was kept.
        frames_in: per camera, the frames that the node counted.
        frames_lost: per camera, the frames that were sent and that the node did not count.
        failures: every change of status of a failure, in order of time; stamps on the clock of `started_ns`.
        alarms: what the layers found wrong, in the order of their begin.
        steps: the subtasks in order of time; empty where none is told.
        left_out: what was recorded and could not be used, one sentence for each topic or camera.
    """

    name: str
    task: str
    started_ns: int
    duration_s: float
    cameras: tuple[str, ...]
    answers: tuple[Answer, ...]
    rulings: tuple[Ruling, ...]
    shots: tuple[Shot, ...] = ()
    truth: EpisodeTruth | None = None
    true_progress: Curve = Curve()
    provenance: Mapping[str, str] = field(default_factory=dict)
    instrument: Instrument | None = None
    frames_in: Mapping[str, int] = field(default_factory=dict)
    frames_lost: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[FailureEvent, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    steps: tuple[Step, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def final_state(self) -> State:
        """State of the final verdict; UNKNOWN where there is none."""
        return self.rulings[-1].state if self.rulings else State.UNKNOWN

    @property
    def final_progress(self) -> float:
        """Progress of the final verdict; NaN where it is not known."""
        return self.rulings[-1].progress if self.rulings else math.nan

    @property
    def spans(self) -> tuple[Span, ...]:
        """The states in order of time, without gaps from the first ruling to the end of the episode."""
        begins: list[Ruling] = []
        for ruling in self.rulings:
            if not begins or (begins[-1].state, begins[-1].failure_mode) != (ruling.state, ruling.failure_mode):
                begins.append(ruling)
        if not begins:
            return ()
        last_s = max([self.duration_s, *(ruling.time_s for ruling in begins)])
        ends_s = [ruling.time_s for ruling in begins[1:]] + [last_s]
        return tuple(Span(ruling.time_s, end_s, ruling) for ruling, end_s in zip(begins, ends_s, strict=True))

    @property
    def onset_s(self) -> float | None:
        """When the failure really began; None for a success, and where nobody knows."""
        return self.truth.onset_s if self.truth is not None else None

    @property
    def recognition(self) -> Ruling | None:
        """The ruling with which a failure was first recognised; None where none was."""
        return next((ruling for ruling in self.rulings if ruling.state is State.FAILED), None)

    @property
    def recognised_s(self) -> float | None:
        """When a listener first knew of a failure; None where none was recognised."""
        recognition = self.recognition
        return recognition.known_s if recognition is not None else None

    @property
    def right(self) -> bool | None:
        """Whether the final verdict agrees with the truth; None where nobody knows."""
        if self.truth is None:
            return None
        return self.final_state is (State.SUCCEEDED if self.truth.outcome == "success" else State.FAILED)
