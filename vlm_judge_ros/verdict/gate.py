"""The gate: a pure function from what the layers found to a state.

No single layer can grant success, and none can talk another out of a failure. Rules; the first that applies decides:

1. FAILED: a critical finding, or a failure that was found in a count of observations over a span of seconds. It stays
   FAILED, blind or not, until the judge has found no failure in a count of answers over a span of seconds.
2. UNKNOWN: the judge or a needed camera cannot see.
3. With the judge saying complete for long enough, and nothing that speaks for a failure or a loss of progress:
   SUCCEEDED where every declared physical evidence is there and, where success waits for it, a review that saw as much
   says complete too; else PROGRESSING, for the reason that one is not.
4. REGRESSING, then STALLED: the progress trend says so.
5. PROGRESSING.

A review that says nothing is named in the reason and changes no state but that of rule 3; what it found before it fell
silent stands until it answers again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.verdict.findings import Findings
from vlm_judge_ros.verdict.judgement import FAILURE, PROGRESS, SUCCESS
from vlm_judge_ros.verdict.memory import DebounceLimits, GateMemory, Run, remember
from vlm_judge_ros.verdict.verdict import State, known

ASKED_LAYERS = (Layer.HEALTH, Layer.STRUCTURE, Layer.JUDGE, Layer.EVENT)


@dataclass(frozen=True, slots=True)
class GateLimits(DebounceLimits):
    """What the gate asks for before it believes.

    Attributes:
        cameras: cameras without which nothing can be concluded.
        success_evidence: names of the findings of physical evidence that success needs; at least one.
        success_hold_s: how long the judge has to say complete without a break, in seconds of evidence.
        review_confirms: success also needs a review that says complete, on frames no older than the judge's first.

    Raises:
        JudgeError: a number is out of range, or success would need no physical evidence.
    """

    cameras: tuple[str, ...] = ()
    success_evidence: tuple[str, ...] = ()
    success_hold_s: float = 0.8
    review_confirms: bool = False

    def __post_init__(self) -> None:
        DebounceLimits.__post_init__(self)
        if not self.cameras:
            raise JudgeError("cameras is empty; name at least one.")
        if not self.success_evidence:
            raise JudgeError(
                "success_evidence is empty; name at least one, because a judge alone never grants success."
            )
        if not 0.0 <= self.success_hold_s <= 3600.0:
            raise JudgeError(f"success_hold_s is {self.success_hold_s}; give seconds from 0 to 3600.")


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer.

    Attributes:
        state: the state.
        reason: one sentence for a person.
        decided_by: findings that decided.
        overruled: findings that spoke against the state.
        missing_layers: layers that are asked for and gave nothing.
        confidence: how sure the gate is of the state, 0 to 1; None where no layer gives a confidence.
    """

    state: State
    reason: str
    decided_by: tuple[Finding, ...] = ()
    overruled: tuple[Finding, ...] = ()
    missing_layers: tuple[Layer, ...] = ASKED_LAYERS
    confidence: float | None = None


def decide(memory: GateMemory, findings: Iterable[Finding], limits: GateLimits) -> tuple[Decision, GateMemory]:
    """Weigh what all layers found.

    Time is in the stamps of the findings alone, and the order of the findings does not matter. To weigh the same
    findings again changes nothing.

    Args:
        memory: what the last evaluation of this episode returned; `GateMemory()` at its start.
        findings: everything that is found now.
        limits: counts and seconds.

    Returns:
        The decision, and what to remember for the next one.
    """
    found = Findings(findings)
    remembered = remember(memory, found, limits)
    decision = _weigh(remembered, found, limits)
    unsaid = " ".join(item.text for item in found.review_trouble if item.text not in decision.reason)
    return replace(decision, reason=f"{decision.reason} {unsaid}" if unsaid else decision.reason), remembered


def _weigh(memory: GateMemory, found: Findings, limits: GateLimits) -> Decision:
    missing = found.missing(ASKED_LAYERS)
    failure = memory.failure
    if failure is not None and failure.confirmed:
        text = f"Failing: {failure.finding.text}"
        confidence = known(failure.finding.value) if failure.finding.layer is Layer.JUDGE else None
        return Decision(State.FAILED, text, (failure.finding,), found.claims_of_success, missing, confidence)
    blind = found.blind
    if blind:
        return Decision(State.UNKNOWN, blind[0].text, blind, found.claims, missing)
    unheard = _unheard(found, limits)
    if unheard:
        return Decision(State.UNKNOWN, unheard, (), found.claims, missing)
    # The memory also holds what a review found before it fell silent.
    against = memory.failing or found.speaking(Effect.REGRESS)
    if not against and memory.complete is not None and memory.complete.held(1, limits.success_hold_s):
        return _believe(memory.complete, found, limits, missing)
    return _move(memory, found, missing)


def _unheard(found: Findings, limits: GateLimits) -> str:
    for camera in limits.cameras:
        if not found.health_of(camera):
            return f"Nothing is known of camera {camera}."
    return "" if found.judge(PROGRESS) is not None else "The judge has not answered."


def _believe(complete: Run, found: Findings, limits: GateLimits, missing: tuple[Layer, ...]) -> Decision:
    """Hold the judge that says complete against the physical evidence, and against the review."""
    claim = found.claims_of_success
    evidence = {name: found.evidence(name) for name in limits.success_evidence}
    present = tuple(found for found in evidence.values() if found is not None and found.effect is Effect.SUCCESS)
    if len(present) < len(evidence):
        name, first = next((name, item) for name, item in evidence.items() if item not in present)
        why = f"{name} is not known." if first is None else first.text
        absent = tuple(item for item in evidence.values() if item is not None and item not in present)
        return Decision(State.PROGRESSING, f"Not yet complete, whatever the judge says: {why}", absent, claim, missing)
    confirmed = _confirmed(complete, found)
    if limits.review_confirms and not confirmed:
        return _unconfirmed(found, claim, missing)
    agrees = "The physical evidence and the review agree." if confirmed else "The physical evidence agrees."
    text = f"Complete: {claim[0].text} {agrees}"
    stalled = found.speaking(Effect.STALL)
    return Decision(State.SUCCEEDED, text, (*claim, *present, *confirmed), stalled, missing, known(claim[0].value))


def _unconfirmed(found: Findings, claim: tuple[Finding, ...], missing: tuple[Layer, ...]) -> Decision:
    said = found.review(SUCCESS) or found.review(PROGRESS)
    deciding = found.review_trouble if said is None else (said,)
    why = f" {deciding[0].text}" if deciding else ""
    if said is not None and said.effect is Effect.SUCCESS:
        why = f"{why[:-1]}, but of an earlier moment."
    text = f"Not yet complete, whatever the judge says: the review has not confirmed it.{why}"
    return Decision(State.PROGRESSING, text, deciding, claim, missing)


def _confirmed(complete: Run, found: Findings) -> tuple[Finding, ...]:
    """What the review says for success on frames that the judge already called complete: one finding or none."""
    said = found.review(SUCCESS)
    agrees = said is not None and said.effect is Effect.SUCCESS and said.stamp_ns >= complete.since_ns
    return (said,) if said is not None and agrees else ()


def _move(memory: GateMemory, found: Findings, missing: tuple[Layer, ...]) -> Decision:
    for effect, state in ((Effect.REGRESS, State.REGRESSING), (Effect.STALL, State.STALLED)):
        deciding = found.speaking(effect)
        if deciding:
            return Decision(state, deciding[0].text, deciding, found.claims, missing)
    progress = found.judge(PROGRESS)
    assert progress is not None
    pending = " A failure was seen and is not confirmed yet." if memory.failing or memory.failure is not None else ""
    failing = found.judge(FAILURE)
    confidence = None if failing is None else known(1.0 - failing.value)
    return Decision(State.PROGRESSING, f"{progress.text}{pending}", (progress,), found.claims, missing, confidence)
