"""The gate: a pure function from what the layers found to a state.

No single layer can grant success, and none can talk another out of a failure. Rules; the first that applies decides:

1. FAILED: a failure of severity ERROR or worse is confirmed: a fast layer calls it critical, or the same layer found
   one in a count of observations over a span of seconds. It stays FAILED, blind or not, until the layer that found it
   is quiet and the judge has found none in a count of answers over a span of seconds.
2. UNKNOWN: a camera, the judge, or a monitor that the task declares says nothing, or a layer cannot see; only an event
   that cannot be seen is merely no evidence.
3. With the judge saying complete for long enough, and nothing that speaks for a failure, however small, or for a loss
   of progress: SUCCEEDED where every declared physical evidence has been there as long and, where success waits for it,
   a review that saw as much says complete too; else PROGRESSING, for the reason that one is not. Where no evidence is
   declared but motion, the judge also has to have said in this episode that the task is not complete: a judge that says
   the same of every image has said nothing.
4. REGRESSING, then STALLED: the progress trend says so.
5. PROGRESSING.

A review that says nothing is named in the reason and changes no state but that of rule 3; what it found before it fell
silent stands until it answers again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from vlm_judge_ros.episode.known import known
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.verdict.debounce import Run
from vlm_judge_ros.verdict.findings import Findings
from vlm_judge_ros.verdict.gate_limits import GateLimits
from vlm_judge_ros.verdict.judgement import BAND, FAILURE, PROGRESS, SUCCESS
from vlm_judge_ros.verdict.memory import GateMemory, remember
from vlm_judge_ros.verdict.verdict import State

__all__ = ["Decision", "GateLimits", "decide", "rated"]

_NO_CONTRAST = (
    "it has said so since its first answer in this episode, and only motion is asked for as evidence; declare in a "
    "task file what shows that the task is complete."
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer.

    Attributes:
        state: the state.
        reason: one sentence for a person.
        decided_by: findings that decided.
        overruled: findings that spoke against the state.
        missing_layers: layers that are asked for and gave nothing, or cannot see all that they have to.
        confidence: how sure the gate is of the state, 0 to 1; None where no layer gives a confidence.
    """

    state: State
    reason: str
    decided_by: tuple[Finding, ...] = ()
    overruled: tuple[Finding, ...] = ()
    missing_layers: tuple[Layer, ...] = ()
    confidence: float | None = None


def rated(findings: Iterable[Finding], limits: GateLimits) -> tuple[Finding, ...]:
    """Give failures that a judge names the severity that the task gives to their mode."""
    return tuple(
        replace(finding, severity=limits.severity(finding.mode))
        if finding.layer is Layer.JUDGE and finding.effect is Effect.FAILURE
        else finding
        for finding in findings
    )


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
    missing = found.missing(limits.asked_layers)
    failed = memory.failed
    if failed:
        worst = failed[0].finding
        others = [finding for failure in failed for finding in failure.findings if finding != worst]
        # How far out of a band something lies is no probability.
        confidence = known(worst.value) if worst.layer is Layer.JUDGE and worst.name != BAND else None
        deciding = (worst, *dict.fromkeys(others))
        return Decision(State.FAILED, f"Failing: {worst.text}", deciding, found.claims_of_success, missing, confidence)
    lacking = " ".join(f"Missing layer: {layer.name.lower()}." for layer in missing if layer is not Layer.EVENT)
    blind = found.blind
    if blind:
        return Decision(State.UNKNOWN, f"{blind[0].text} {lacking}", blind, found.claims, missing)
    unheard = _unheard(found, limits)
    if unheard is not None:
        layer, text = unheard
        missing = tuple(sorted({*missing, layer}))
        text = f"{text} Missing layer: {layer.name.lower()}."
        return Decision(State.UNKNOWN, text, (), found.claims, missing)
    # The memory also holds what a review found before it fell silent.
    against = memory.failures or memory.confirmed_faults or found.speaking(Effect.REGRESS)
    if not against and memory.complete is not None and memory.complete.held(1, limits.success_hold_s):
        return _believe(memory, memory.complete, found, limits)
    return _move(memory, found, missing)


def _unheard(found: Findings, limits: GateLimits) -> tuple[Layer, str] | None:
    """Who has to say something and says nothing at all, in one sentence."""
    for camera in limits.cameras:
        if not found.health_of(camera):
            return Layer.HEALTH, f"Nothing is known of camera {camera}."
    if found.judge(PROGRESS) is None:
        return Layer.JUDGE, "The judge has not answered."
    for layer, name in limits.monitors:
        if not found.of_monitor(layer, name):
            return layer, f"Monitor {name} says nothing."
    return None


def _believe(memory: GateMemory, complete: Run, found: Findings, limits: GateLimits) -> Decision:
    """Hold the judge that says complete against the physical evidence, and against the review."""
    claim = found.claims_of_success
    missing = found.missing(limits.asked_layers)
    evidence = {name: found.evidence(name) for name in limits.success_evidence}
    for name, items in evidence.items():
        absent = tuple(item for item in items if item.effect is not Effect.SUCCESS)
        if absent or not items:
            why = absent[0].text if absent else f"{name} is not known."
            return _doubt(why, absent, claim, missing)
    unseen = _unseen_events(found, limits)
    if unseen:
        return _doubt(unseen[0].text, unseen, claim, missing)
    present = tuple(item for items in evidence.values() for item in items)
    if not memory.agreed(limits.success_hold_s):
        why = f"judge and physical evidence have not yet agreed for {limits.success_hold_s:g} s."
        return _doubt(why, present, claim, missing)
    if limits.only_motion and not memory.doubted:
        return _doubt(_NO_CONTRAST, present, claim, missing)
    confirmed = _confirmed(complete, found)
    if limits.review_confirms and not confirmed:
        return _unconfirmed(found, claim, missing)
    agrees = "The physical evidence and the review agree." if confirmed else "The physical evidence agrees."
    text = f"Complete: {claim[0].text} {agrees}"
    stalled = found.speaking(Effect.STALL)
    return Decision(State.SUCCEEDED, text, (*claim, *present, *confirmed), stalled, missing, known(claim[0].value))


def _doubt(why: str, deciding: tuple[Finding, ...], claim: tuple[Finding, ...], missing: tuple[Layer, ...]) -> Decision:
    return Decision(State.PROGRESSING, f"Not yet complete, whatever the judge says: {why}", deciding, claim, missing)


def _unseen_events(found: Findings, limits: GateLimits) -> tuple[Finding, ...]:
    """What declared monitors of events cannot see: a loss that nobody would see is not excluded."""
    events = [name for layer, name in limits.monitors if layer is Layer.EVENT]
    return tuple(item for name in events for item in found.of_monitor(Layer.EVENT, name) if item.effect is Effect.BLIND)


def _unconfirmed(found: Findings, claim: tuple[Finding, ...], missing: tuple[Layer, ...]) -> Decision:
    said = found.review(SUCCESS) or found.review(PROGRESS)
    deciding = found.review_trouble if said is None else (said,)
    why = f" {deciding[0].text}" if deciding else ""
    if said is not None and said.effect is Effect.SUCCESS:
        why = f"{why[:-1]}, but of an earlier moment."
    return _doubt(f"the review has not confirmed it.{why}", deciding, claim, missing)


def _confirmed(complete: Run, found: Findings) -> tuple[Finding, ...]:
    """What the review says for success on frames that the judge already called complete: one finding or none."""
    said = found.review(SUCCESS)
    agrees = said is not None and said.effect is Effect.SUCCESS and said.stamp_ns >= complete.since_ns
    return (said,) if said is not None and agrees else ()


def _move(memory: GateMemory, found: Findings, missing: tuple[Layer, ...]) -> Decision:
    overruled = _against(memory, found)
    for effect, state in ((Effect.REGRESS, State.REGRESSING), (Effect.STALL, State.STALLED)):
        deciding = found.speaking(effect)
        if deciding:
            return Decision(state, deciding[0].text, deciding, overruled, missing)
    progress = found.judge(PROGRESS)
    assert progress is not None
    failing = found.judge(FAILURE)
    confidence = None if failing is None else known(1.0 - failing.value)
    return Decision(
        State.PROGRESSING, f"{progress.text}{_pending(memory)}", (progress,), overruled, missing, confidence
    )


def _against(memory: GateMemory, found: Findings) -> tuple[Finding, ...]:
    held = (finding for failure in memory.failures for finding in failure.findings)
    return tuple(dict.fromkeys((*found.claims, *held)))


def _pending(memory: GateMemory) -> str:
    minor = sorted((failure for failure in memory.failures if failure.confirmed), key=lambda failure: failure.badness)
    if minor:
        return f" A failure of severity {minor[0].severity.name.lower()} holds: {minor[0].finding.text}"
    if memory.failures:
        return " A failure was seen and is not confirmed yet."
    faults = memory.confirmed_faults
    return f" Not long ago it could not be seen: {faults[0].finding.text}" if faults else ""
