"""The gate: a pure function from what the layers found to a state.

No single layer can grant success, and none can talk another out of a failure. Rules, first match decides:

1. FAILED: a critical finding, or a failure that held for a count of observations and for seconds. It stays FAILED, blind or
   not, until the judge has found no failure for a count of answers and for seconds.
2. UNKNOWN: the judge or a needed camera cannot see.
3. SUCCEEDED: the judge said complete for long enough, every declared physical evidence is there, and nothing speaks for a
   failure or a loss of progress.
4. UNKNOWN: the judge said complete for long enough, and a declared physical evidence could not be measured.
5. REGRESSING, then STALLED: the progress trend says so.
6. PROGRESSING.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.judgement import FAILURE, PROGRESS, SUCCESS
from vlm_judge_ros.verdict.verdict import State

ASKED_LAYERS = (Layer.HEALTH, Layer.STRUCTURE, Layer.JUDGE, Layer.EVENT)
Key = tuple[Layer, str, str]


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How long and how often something has to be said before it counts.

    Attributes:
        cameras: cameras without which nothing can be concluded.
        success_evidence: names of the findings of physical evidence that success needs; at least one.
        success_hold_s: how long the judge has to say complete without a break, in seconds of evidence.
        failure_count: observations in a row that make a failure.
        failure_hold_s: seconds that they have to span.
        recovery_count: answers in a row without any failure that heal one.
        recovery_hold_s: seconds that they have to span.

    Raises:
        JudgeError: a number is out of range, or success would need no physical evidence.
    """

    cameras: tuple[str, ...]
    success_evidence: tuple[str, ...]
    success_hold_s: float = 1.0
    failure_count: int = 2
    failure_hold_s: float = 1.0
    recovery_count: int = 3
    recovery_hold_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.cameras:
            raise JudgeError("cameras is empty; name at least one.")
        if not self.success_evidence:
            raise JudgeError("success_evidence is empty; name at least one kind, because a judge alone never grants success.")
        for name in ("success_hold_s", "failure_hold_s", "recovery_hold_s"):
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

    def then(self, stamp_ns: int) -> Run:
        """Count one more observation, unless its stamp was counted already."""
        return Run(self.count + 1, self.since_ns, stamp_ns) if stamp_ns > self.last_ns else self

    def held(self, count: int, hold_s: float) -> bool:
        """Tell whether there are enough observations over a long enough time."""
        return self.count >= count and self.last_ns - self.since_ns >= nanoseconds(hold_s)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that the gate holds: seen, or confirmed.

    Attributes:
        finding: the newest finding that speaks for it.
        since_ns: stamp of the first one.
        confirmed: it held long enough, or was critical.
    """

    finding: Finding
    since_ns: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class GateMemory:
    """What the gate remembers between two evaluations.

    Attributes:
        failing: runs of findings that speak for failure, by layer, name and source.
        failure: the failure that is seen or confirmed; None for none.
        complete: run of the judge's answers that say complete.
        recovering: run of the judge's answers without any failure, while one is confirmed.
    """

    failing: tuple[tuple[Key, Run], ...] = ()
    failure: Failure | None = None
    complete: Run | None = None
    recovering: Run | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer.

    Attributes:
        state: the state.
        reason: one sentence for a person.
        decided_by: findings that decided.
        overruled: findings that spoke against the state.
        missing_layers: layers that are asked for and gave nothing.
        confidence: 0 to 1; None where no layer gives one.
    """

    state: State
    reason: str
    decided_by: tuple[Finding, ...] = ()
    overruled: tuple[Finding, ...] = ()
    missing_layers: tuple[Layer, ...] = field(default=ASKED_LAYERS)
    confidence: float | None = None


def decide(memory: GateMemory, findings: Iterable[Finding], limits: GateLimits) -> tuple[Decision, GateMemory]:
    """Weigh what all layers found.

    Time is in the stamps of the findings alone, and the order of the findings does not matter. To evaluate the same findings
    again changes nothing.

    Args:
        memory: what the last evaluation of this episode returned; `GateMemory()` at its start.
        findings: everything that is found now.
        limits: counts and seconds.

    Returns:
        The decision, and what to remember for the next one.
    """
    ordered = tuple(sorted(set(findings), key=_sort_key))
    memory = _remember(memory, ordered, limits)
    return _weigh(memory, ordered, limits), memory


def _sort_key(finding: Finding) -> tuple[object, ...]:
    return (-finding.severity, finding.layer, finding.name, finding.source, finding.stamp_ns, finding.effect, finding.text)


def _remember(memory: GateMemory, findings: tuple[Finding, ...], limits: GateLimits) -> GateMemory:
    answer = _judge(findings, PROGRESS)
    no_failure = _judge(findings, FAILURE)
    against = tuple(finding for finding in findings if finding.effect is Effect.FAILURE)
    failing = _failing_runs(memory, against, answer is not None)
    recovering = _recovering(memory, against, no_failure)
    return GateMemory(
        failing=failing,
        failure=_failure(memory.failure, dict(failing), against, recovering, limits),
        complete=_complete(memory, findings, answer),
        recovering=recovering,
    )


def _failing_runs(memory: GateMemory, against: tuple[Finding, ...], answered: bool) -> tuple[tuple[Key, Run], ...]:
    # A judge that cannot see neither adds to its run nor breaks it.
    runs = {key: run for key, run in memory.failing if key[0] is Layer.JUDGE and not answered}
    before = dict(memory.failing)
    for finding in against:
        key = (finding.layer, finding.name, finding.source)
        run = before.get(key)
        runs[key] = Run(1, finding.stamp_ns, finding.stamp_ns) if run is None else run.then(finding.stamp_ns)
    return tuple(sorted(runs.items()))


def _failure(
    held: Failure | None,
    runs: dict[Key, Run],
    against: tuple[Finding, ...],
    recovering: Run | None,
    limits: GateLimits,
) -> Failure | None:
    if held is not None and held.confirmed:
        if recovering is not None and recovering.held(limits.recovery_count, limits.recovery_hold_s):
            return None
        newer = [finding for finding in against if finding.stamp_ns > held.finding.stamp_ns]
        # The onset and the first sentence stay; the newest stamp says from when on recovery counts.
        return replace(held, finding=replace(held.finding, stamp_ns=newer[-1].stamp_ns)) if newer else held
    for finding in against:
        run = runs[(finding.layer, finding.name, finding.source)]
        if finding.severity is Severity.CRITICAL or run.held(limits.failure_count, limits.failure_hold_s):
            return Failure(finding, run.since_ns, confirmed=True)
    if against:
        run = runs[(against[0].layer, against[0].name, against[0].source)]
        return Failure(against[0], run.since_ns, confirmed=False)
    return held if runs else None


def _complete(memory: GateMemory, findings: tuple[Finding, ...], answer: Finding | None) -> Run | None:
    success = _judge(findings, SUCCESS)
    if answer is None or success is None or success.effect is not Effect.SUCCESS:
        return None
    if memory.complete is None:
        return Run(1, success.stamp_ns, success.stamp_ns)
    return memory.complete.then(success.stamp_ns)


def _recovering(memory: GateMemory, against: tuple[Finding, ...], answer: Finding | None) -> Run | None:
    if memory.failure is None or not memory.failure.confirmed or against or answer is None:
        return None
    if answer.stamp_ns <= memory.failure.finding.stamp_ns:
        return None
    return Run(1, answer.stamp_ns, answer.stamp_ns) if memory.recovering is None else memory.recovering.then(answer.stamp_ns)


def _weigh(memory: GateMemory, findings: tuple[Finding, ...], limits: GateLimits) -> Decision:
    missing = _missing_layers(findings)
    failure = memory.failure
    if failure is not None and failure.confirmed:
        decided = (failure.finding,)
        value = failure.finding.value
        return Decision(
            State.FAILED,
            f"Failing: {failure.finding.text}",
            decided,
            _speaking(findings, Effect.SUCCESS),
            missing,
            value if failure.finding.layer is Layer.JUDGE else None,
        )
    blind = tuple(
        finding
        for finding in findings
        if finding.effect is Effect.BLIND and finding.layer in (Layer.HEALTH, Layer.JUDGE)
    )
    if blind:
        return Decision(State.UNKNOWN, blind[0].text, blind, _speaking(findings, Effect.SUCCESS), missing)
    unheard = _unheard(findings, limits)
    if unheard:
        return Decision(State.UNKNOWN, unheard, (), _speaking(findings, Effect.SUCCESS), missing)
    against = _speaking(findings, Effect.FAILURE, Effect.REGRESS)
    success = _judge(findings, SUCCESS)
    complete = success is not None and memory.complete is not None and memory.complete.held(1, limits.success_hold_s)
    evidence = {name: _evidence(findings, name) for name in limits.success_evidence}
    if complete and success is not None and not against:
        return _grant(success, evidence, findings, missing)
    return _moving(memory, findings, success, missing)


def _grant(
    success: Finding, evidence: dict[str, Finding | None], findings: tuple[Finding, ...], missing: tuple[Layer, ...]
) -> Decision:
    for name, finding in evidence.items():
        if finding is None:
            reason = f"The judge says complete, but the evidence {name} is missing."
            return Decision(State.UNKNOWN, reason, (), (success,), missing)
        if finding.effect is Effect.BLIND:
            reason = f"The judge says complete, but evidence is missing: {finding.text}"
            return Decision(State.UNKNOWN, reason, (finding,), (success,), missing)
    lacking = [finding for finding in evidence.values() if finding is not None and finding.effect is not Effect.SUCCESS]
    if lacking:
        reason = f"The judge says complete, but the evidence does not: {lacking[0].text}"
        return Decision(State.PROGRESSING, reason, tuple(lacking), (success,), missing)
    decided = (success, *(finding for finding in evidence.values() if finding is not None))
    reason = f"Complete: {success.text} The evidence agrees."
    stalled = _speaking(findings, Effect.STALL)
    return Decision(State.SUCCEEDED, reason, decided, stalled, missing, success.value)


def _moving(
    memory: GateMemory, findings: tuple[Finding, ...], success: Finding | None, missing: tuple[Layer, ...]
) -> Decision:
    overruled = [finding for finding in (success,) if finding is not None and finding.effect is Effect.SUCCESS]
    overruled += _speaking(findings, Effect.FAILURE)
    for effect, state in ((Effect.REGRESS, State.REGRESSING), (Effect.STALL, State.STALLED)):
        deciding = _speaking(findings, effect)
        if deciding:
            return Decision(state, deciding[0].text, deciding, tuple(overruled), missing)
    progress = _judge(findings, PROGRESS)
    assert progress is not None
    reason = progress.text
    if memory.failure is not None:
        reason = f"{reason} A failure was seen and is not confirmed yet."
    failure = _judge(findings, FAILURE)
    confidence = None if failure is None else 1.0 - failure.value
    return Decision(State.PROGRESSING, reason, (progress,), tuple(overruled), missing, confidence)


def _judge(findings: tuple[Finding, ...], name: str) -> Finding | None:
    newest: Finding | None = None
    for finding in findings:
        if finding.layer is Layer.JUDGE and finding.name == name:
            newest = finding if newest is None or finding.stamp_ns >= newest.stamp_ns else newest
    return newest


def _speaking(findings: tuple[Finding, ...], *effects: Effect) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.effect in effects)


def _evidence(findings: tuple[Finding, ...], name: str) -> Finding | None:
    """Return the least favourable finding of one kind of evidence."""
    rank = {Effect.SUCCESS: 2, Effect.BLIND: 0}
    named = [finding for finding in findings if finding.layer is Layer.EVENT and finding.name == name]
    return min(named, key=lambda finding: rank.get(finding.effect, 1), default=None)


def _unheard(findings: tuple[Finding, ...], limits: GateLimits) -> str:
    for camera in limits.cameras:
        if not any(finding.layer is Layer.HEALTH and finding.source == camera for finding in findings):
            return f"Nothing is known of camera {camera}."
    return "" if _judge(findings, PROGRESS) is not None else "The judge has not answered."


def _missing_layers(findings: tuple[Finding, ...]) -> tuple[Layer, ...]:
    gave = {finding.layer for finding in findings if finding.effect is not Effect.BLIND}
    return tuple(layer for layer in ASKED_LAYERS if layer not in gave)

