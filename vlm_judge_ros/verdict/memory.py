"""What the gate remembers from one evaluation to the next: who has said what, how often and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.findings import Findings, is_review
from vlm_judge_ros.verdict.judgement import FAILURE, PROGRESS, REVIEW

Key = tuple[Layer, str, str]


@dataclass(frozen=True, slots=True)
class DebounceLimits:
    """How often and how long something has to be said before it counts.

    Attributes:
        failure_count: observations in a row that make a failure.
        failure_hold_s: seconds that they have to span.
        recovery_count: answers of the judge in a row, without any failure, that heal one.
        recovery_hold_s: seconds that they have to span.

    Raises:
        JudgeError: a number is out of range.
    """

    failure_count: int = 2
    failure_hold_s: float = 0.8
    recovery_count: int = 3
    recovery_hold_s: float = 1.5

    def __post_init__(self) -> None:
        for name in ("failure_hold_s", "recovery_hold_s"):
            value = getattr(self, name)
            if not 0.0 <= value <= 3600.0:
                raise JudgeError(f"{name} is {value}; give seconds from 0 to 3600.")
        for name in ("failure_count", "recovery_count"):
            value = getattr(self, name)
            if not 1 <= value <= 1000:
                raise JudgeError(f"{name} is {value}; give a count from 1 to 1000.")


@dataclass(frozen=True, slots=True)
class Run:
    """Observations in a row that say the same: how many, the first and the last stamp."""

    count: int
    since_ns: int
    last_ns: int

    def held(self, count: int, hold_s: float) -> bool:
        """Tell whether there are enough observations over a long enough time."""
        return self.count >= count and self.last_ns - self.since_ns >= nanoseconds(hold_s)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that the gate holds: seen, or confirmed.

    Attributes:
        finding: the finding that speaks for it: the newest until it is confirmed, then the most certain one.
        since_ns: stamp of the first one.
        last_ns: stamp of the last one.
        confirmed: it held long enough, or was critical.
    """

    finding: Finding
    since_ns: int
    last_ns: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class GateMemory:
    """Everything that the gate remembers of an episode.

    Attributes:
        failing: runs of findings that speak for failure, by layer, name and source.
        failure: the failure that is seen or confirmed; None for none.
        complete: run of the judge's answers that say complete.
        recovering: run of the judge's answers without any failure, while one is confirmed; of the review's where it
            found that one.
    """

    failing: tuple[tuple[Key, Run], ...] = ()
    failure: Failure | None = None
    complete: Run | None = None
    recovering: Run | None = None

    @property
    def review_fails(self) -> bool:
        """True where the review spoke for a failure and has not taken that back."""
        held = self.failure is not None and is_review(self.failure.finding)
        return held or any(layer is Layer.JUDGE and source == REVIEW for (layer, _, source), _ in self.failing)


def remember(memory: GateMemory, found: Findings, limits: DebounceLimits) -> GateMemory:
    """Return the memory after one more evaluation; the same findings again change nothing."""
    against = found.speaking(Effect.FAILURE)
    failing = _failing(dict(memory.failing), found, against)
    recovering = _recovering(memory, found, failing)
    if memory.failure is None or not memory.failure.confirmed:
        failure = _seen(failing, against, memory.failure, limits)
    elif recovering is not None and recovering.held(limits.recovery_count, limits.recovery_hold_s):
        failure, recovering = None, None
    else:
        failure = _still(memory.failure, against)
    return GateMemory(tuple(sorted(failing.items())), failure, _complete(memory.complete, found), recovering)


def _next(run: Run | None, stamp_ns: int) -> Run:
    if run is None:
        return Run(1, stamp_ns, stamp_ns)
    return Run(run.count + 1, run.since_ns, stamp_ns) if stamp_ns > run.last_ns else run


def _key(finding: Finding) -> Key:
    return (finding.layer, finding.name, finding.source)


def _failing(before: dict[Key, Run], found: Findings, against: tuple[Finding, ...]) -> dict[Key, Run]:
    # A judge that cannot see, and a review that says nothing, neither add to their run nor break it.
    answers = {True: found.review(PROGRESS), False: found.judge(PROGRESS)}
    runs = {key: run for key, run in before.items() if key[0] is Layer.JUDGE and answers[key[2] == REVIEW] is None}
    for finding in against:
        runs[_key(finding)] = _next(before.get(_key(finding)), finding.stamp_ns)
    return runs


def _seen(
    runs: dict[Key, Run], against: tuple[Finding, ...], held: Failure | None, limits: DebounceLimits
) -> Failure | None:
    failures = [
        Failure(
            finding,
            runs[_key(finding)].since_ns,
            finding.stamp_ns,
            finding.severity is Severity.CRITICAL
            or runs[_key(finding)].held(limits.failure_count, limits.failure_hold_s),
        )
        for finding in against
    ]
    # The findings come worst first; of those a confirmed one goes before.
    failures.sort(key=lambda failure: not failure.confirmed)
    if failures:
        return failures[0]
    return held if held is not None and _key(held.finding) in runs else None


def _still(failure: Failure, against: tuple[Finding, ...]) -> Failure:
    for finding in against:
        if finding.stamp_ns > failure.last_ns:
            failure = replace(failure, last_ns=finding.stamp_ns)
        if _key(finding) == _key(failure.finding) and finding.value > failure.finding.value:
            failure = replace(failure, finding=finding)
    return failure


def _recovering(memory: GateMemory, found: Findings, failing: dict[Key, Run]) -> Run | None:
    failure = memory.failure
    # A run that nobody broke yet counts as found now: a review that goes silent takes nothing back.
    if failure is None or not failure.confirmed or failing or found.blind:
        return None
    # A judge that found the failure has to say that it is gone; for other layers it is enough that they are quiet.
    if is_review(failure.finding):
        answer = found.review(FAILURE)
    else:
        answer = found.judge(FAILURE if failure.finding.layer is Layer.JUDGE else PROGRESS)
    if answer is None or answer.stamp_ns <= failure.last_ns:
        return None
    return _next(memory.recovering, answer.stamp_ns)


def _complete(before: Run | None, found: Findings) -> Run | None:
    claims = found.claims_of_success
    return _next(before, claims[0].stamp_ns) if claims and not found.blind else None
