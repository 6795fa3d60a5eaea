"""What layers find at made-up moments, and how the gate weighs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.gate import Decision, GateLimits, decide, rated
from vlm_judge_ros.verdict.memory import GateMemory

SECOND = 1_000_000_000
LIMITS = GateLimits(cameras=("front", "wrist"), success_evidence=("joint_motion", "image_motion"))
CONFIRMED = replace(LIMITS, review_confirms=True)
DECLARED = replace(
    LIMITS,
    success_evidence=("grasp_held", "cup_on_shelf"),
    monitors=(
        (Layer.THRESHOLD, "force_limit"),
        (Layer.STRUCTURE, "jerk_limit"),
        (Layer.EVENT, "object_lost"),
        (Layer.EVENT, "grasp_held"),
        (Layer.STRUCTURE, "cup_on_shelf"),
    ),
    severities={FailureMode.SPILL: Severity.WARNING, FailureMode.COLLISION: Severity.CRITICAL},
)
"""The limits of a task with a file."""

DOUBTED = GateMemory(doubted=True)
"""What the gate remembers where the judge has said before that the task is not complete."""

FRESH = GateMemory()

Moment = tuple[Finding, ...]


def finding(
    layer: Layer,
    name: str,
    effect: Effect,
    stamp_ns: int,
    source: str = "",
    value: float = 0.5,
    severity: Severity = Severity.INFO,
    mode: FailureMode = FailureMode.SLIP,
) -> Finding:
    mode = mode if effect is Effect.FAILURE else FailureMode.NONE
    return Finding(layer, name, source, effect, f"{name}.", stamp_ns, severity=severity, mode=mode, value=value)


def good_moment(time_s: float, complete: bool = True) -> Moment:
    """What is found when everything is well and the task has no file."""
    at = round(time_s * SECOND)
    claim = Effect.SUCCESS if complete else Effect.NEUTRAL
    return (
        finding(Layer.HEALTH, "camera_fresh", Effect.NEUTRAL, at, "front"),
        finding(Layer.HEALTH, "camera_fresh", Effect.NEUTRAL, at, "wrist"),
        finding(Layer.STRUCTURE, "progress_trend", Effect.NEUTRAL, at),
        finding(Layer.JUDGE, "judge_progress", Effect.NEUTRAL, at, value=0.9),
        finding(Layer.JUDGE, "judge_success", claim, at, value=0.9 if complete else 0.1),
        finding(Layer.JUDGE, "judge_failure", Effect.NEUTRAL, at, value=0.1),
        finding(Layer.EVENT, "joint_motion", Effect.SUCCESS, at),
        finding(Layer.EVENT, "image_motion", Effect.SUCCESS, at),
    )


def well_declared(time_s: float, complete: bool = True) -> Moment:
    """What is found when everything is well and the task has the file of `DECLARED`."""
    at = round(time_s * SECOND)
    layers = {name: layer for layer, name in DECLARED.monitors}
    evidence = DECLARED.success_evidence
    return (
        *good_moment(time_s, complete),
        finding(Layer.HEALTH, "signal_fresh", Effect.NEUTRAL, at, "force"),
        *(
            finding(layer, name, Effect.SUCCESS if name in evidence else Effect.NEUTRAL, at)
            for name, layer in layers.items()
        ),
    )


def failing_moment(time_s: float) -> Moment:
    """What is found when the judge says that it fails."""
    at = round(time_s * SECOND)
    failing = finding(Layer.JUDGE, "judge_failure", Effect.FAILURE, at, value=0.9, severity=Severity.ERROR)
    return (*[found for found in good_moment(time_s, complete=False) if found.name != "judge_failure"], failing)


def reviewed(time_s: float, complete: bool = True, failing: bool = False) -> Moment:
    """Return what a review finds on frames of a moment."""
    at = round(time_s * SECOND)
    success = Effect.SUCCESS if complete else Effect.NEUTRAL
    failure = Effect.FAILURE if failing else Effect.NEUTRAL
    severity = Severity.ERROR if failing else Severity.INFO
    return (
        finding(Layer.JUDGE, "judge_progress", Effect.NEUTRAL, at, "review", 0.9),
        finding(Layer.JUDGE, "judge_success", success, at, "review", 0.9 if complete else 0.1),
        finding(Layer.JUDGE, "judge_failure", failure, at, "review", 0.9 if failing else 0.1, severity),
    )


def no_review(time_s: float, name: str = "judge_fault") -> Moment:
    """Return what is found of a review that says nothing."""
    at = round(time_s * SECOND)
    return (finding(Layer.JUDGE, name, Effect.BLIND, at, "review", severity=Severity.ERROR),)


def of_review(found: Finding) -> bool:
    """Tell whether the second judge said it."""
    return found.source == "review"


def without(moment: Moment, *names: str) -> Moment:
    """A moment without the findings of some names."""
    return tuple(found for found in moment if found.name not in names)


def run(moments: Sequence[Moment], limits: GateLimits = LIMITS, start: GateMemory = DOUBTED) -> list[Decision]:
    """Weigh one moment after the other."""
    return [decision for decision, _ in remembered(moments, limits, start)]


def remembered(
    moments: Sequence[Moment], limits: GateLimits = LIMITS, start: GateMemory = DOUBTED
) -> list[tuple[Decision, GateMemory]]:
    """Weigh one moment after the other, and tell also what the gate remembers after each."""
    memory, decisions = start, []
    for moment in moments:
        decision, memory = decide(memory, rated(moment, limits), limits)
        decisions.append((decision, memory))
    return decisions
