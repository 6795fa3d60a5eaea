"""The second judge: when it is asked, and what its newest answer finds.

It costs too much to be asked all the time. It is asked when something looks wrong, when success is suspected, or once
in a long while, and never sooner than a gap after the last time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.verdict.findings import is_review
from vlm_judge_ros.verdict.judgement import REVIEW, SUCCESS, JudgeFault, JudgeLimits, judge_findings
from vlm_judge_ros.verdict.memory import GateMemory
from vlm_judge_ros.verdict.provenance import provenance_of
from vlm_judge_ros.verdict.verdict import Provenance

MOST_DECLINES = 3
"""Answers in a row in which the judge cannot say, from which on that is an alarm."""

_ALARMS = (Effect.FAILURE, Effect.STALL, Effect.REGRESS)


class ReviewOn(Enum):
    """What makes the engine ask for a review.

    ALARM: a failure, a stall or lost progress is found anew, or the judge cannot say several times in a row.
    SUCCESS: the judge says complete and no fresh review does; success then waits for one.
    TIMER: the period is over.
    """

    ALARM = "alarm"
    SUCCESS = "success"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """When a second judge is asked. All seconds are between the newest frames that it is shown.

    Attributes:
        on: what makes the engine ask; at least one.
        period_s: of the timer, since the last review for whatever reason.
        gap_s: no review is asked for sooner than this after the last one.
        timeout_s: a review of frames older than this no longer counts.
        failure_threshold: from this failure probability on, the second judge speaks for failure.

    Raises:
        JudgeError: a setting is out of range.
    """

    on: tuple[ReviewOn, ...] = (ReviewOn.ALARM, ReviewOn.SUCCESS)
    period_s: float = 30.0
    gap_s: float = 5.0
    timeout_s: float = 30.0
    failure_threshold: float = JudgeLimits().failure_threshold

    def __post_init__(self) -> None:
        if not self.on:
            raise JudgeError(f"review_on is empty; name at least one of {', '.join(on.value for on in ReviewOn)}.")
        for name in ("period_s", "timeout_s"):
            value = getattr(self, name)
            if not 0.0 < value <= 3600.0:
                raise JudgeError(f"review_{name} is {value}; give seconds above 0, 3600 at most.")
        if not 0.0 <= self.gap_s <= 3600.0:
            raise JudgeError(f"review_gap_s is {self.gap_s}; give seconds from 0 to 3600.")


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """The second judge is to be asked now.

    Attributes:
        evidence: what to show it.
        on: why; at least one.
    """

    evidence: Evidence
    on: tuple[ReviewOn, ...]


class Review:
    """The reviews of one episode. Without a clock: all that it knows are stamps of frames and what was found."""

    def __init__(self, settings: ReviewSettings, judge: JudgeLimits, started_ns: int) -> None:
        self.opinion: Opinion | None = None
        self.provenance: Provenance | None = None
        self._settings = settings
        self._limits = replace(
            judge, opinion_timeout_s=settings.timeout_s, failure_threshold=settings.failure_threshold
        )
        self._fault = ""
        self._asked_ns = started_ns
        self._asked_for: tuple[ReviewOn, ...] = ()
        self._waiting = False
        self._never_asked = True
        self._alarms: frozenset[tuple[int, str, str]] = frozenset()
        self._alarm = False
        self._fails = False
        self._suspected = False
        self._declines = 0

    def hear(self, opinion: Opinion) -> None:
        """Take an answer of the judge that is always on; that it cannot say is an alarm when it does so repeatedly."""
        self._declines = self._declines + 1 if opinion.declined else 0
        self._raise_alarm(self._declines == MOST_DECLINES)

    def see(self, findings: Iterable[Finding], memory: GateMemory) -> None:
        """Notice what was found, and what the gate makes of it."""
        found = tuple(findings)
        alarms = frozenset(
            (finding.layer, finding.name, finding.source)
            for finding in found
            if finding.effect in _ALARMS and not is_review(finding)
        )
        self._raise_alarm(bool(alarms - self._alarms))
        self._alarms = alarms
        # Whatever it is asked on: only the review itself can take back what it found.
        self._fails = memory.review_fails
        self._suspected = ReviewOn.SUCCESS in self._settings.on and self._is_suspected(memory)

    def due(self, seen_ns: int) -> tuple[ReviewOn, ...]:
        """Why a review is to be asked for now; empty where it is not.

        Args:
            seen_ns: stamp up to which every camera has been seen.
        """
        waited_ns = seen_ns - self._asked_ns
        if self._waiting and waited_ns <= nanoseconds(self._settings.timeout_s):
            return ()
        if not self._never_asked and waited_ns < nanoseconds(self._settings.gap_s):
            return ()
        timed = ReviewOn.TIMER in self._settings.on and waited_ns >= nanoseconds(self._settings.period_s)
        reasons = {
            ReviewOn.ALARM: self._alarm or self._fails,
            ReviewOn.SUCCESS: self._suspected,
            ReviewOn.TIMER: timed,
        }
        return tuple(on for on, given in reasons.items() if given)

    def ask(self, request: ReviewRequest) -> None:
        """Note that it is asked for."""
        self._asked_ns, self._asked_for = request.evidence.now_ns, request.on
        self._waiting, self._never_asked, self._alarm = True, False, False

    def takes(self, opinion: Opinion) -> bool:
        """Tell whether an answer is not older than the one taken last."""
        return self.opinion is None or opinion.evidence.now_ns >= self.opinion.evidence.now_ns

    def add(self, opinion: Opinion, latency_s: float) -> None:
        """Take an answer, which came after so many wall-clock seconds."""
        self.opinion, self._fault, self._waiting = opinion, "", False
        self.provenance = provenance_of(opinion, latency_s)

    def fail(self, cause: str) -> None:
        """Note that no review comes, and why. An alarm whose review was on its way is reviewed after the gap."""
        self._fault = cause or "no cause was given"
        self._raise_alarm(self._waiting and ReviewOn.ALARM in self._asked_for)
        self._waiting = False

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """What the newest review says as long as it counts, and why there is none where one is wanted."""
        timeout_ns = nanoseconds(self._settings.timeout_s)
        wanted = self._waiting or self._alarm or self._fails or self._suspected or ReviewOn.TIMER in self._settings.on
        found: tuple[Finding, ...] = ()
        counts = self.opinion is not None and now_ns - self.opinion.evidence.now_ns <= timeout_ns
        if counts or (wanted and not self._never_asked and not self._fault):
            found = judge_findings(self.opinion, None, now_ns, self._limits, REVIEW)
        # A review that does not come leaves what the one before it said, as long as that counts.
        if self._fault and (wanted or now_ns - self._asked_ns <= timeout_ns):
            found += judge_findings(None, JudgeFault(self._fault, now_ns), now_ns, self._limits, REVIEW)
        return found

    def _raise_alarm(self, given: bool) -> None:
        self._alarm = self._alarm or (given and ReviewOn.ALARM in self._settings.on)

    def _is_suspected(self, memory: GateMemory) -> bool:
        """Whether the judge says complete, and no review does on frames that it already called complete.

        A review that has used up half of its time is as good as none, so that success need not end before the next.
        """
        complete = memory.complete
        if complete is None:
            return False
        if self.opinion is None or self.opinion.evidence.now_ns < complete.since_ns:
            return True
        stamp_ns = self.opinion.evidence.now_ns
        old = complete.last_ns - stamp_ns > nanoseconds(self._settings.timeout_s) // 2
        said = judge_findings(self.opinion, None, stamp_ns, self._limits, REVIEW)
        return old or not any(item.name == SUCCESS and item.effect is Effect.SUCCESS for item in said)
