"""What the gate remembers from one evaluation to the next: who has said what, how often and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.debounce import DebounceLimits, Run, Voice, longer, voice_of
from vlm_judge_ros.verdict.findings import Findings, is_review
from vlm_judge_ros.verdict.gate_limits import GateLimits
from vlm_judge_ros.verdict.held import Failure, Sign, eye_of, fault_mode, quiet, seen, speaks_for_failure
from vlm_judge_ros.verdict.judgement import BAND, FAILURE, PENDING, PROGRESS, REVIEW, SUCCESS

Level = tuple[Voice, Severity]
"""Somebody who speaks for failure, of at least this severity."""


@dataclass(frozen=True, slots=True)
class GateMemory:
    """Everything that the gate remembers of an episode.

    Attributes:
        failing: runs of findings that speak for failure, by who says it and how bad it is at least.
        blind: runs of findings that cannot see, by mode and by what cannot see.
        failures: the failures that are seen or confirmed, at most one of each mode.
        faults: blindness that lasts, likewise.
        complete: run of the judge's answers that say complete.
        evident: runs of the physical evidence that speaks for success; None where it did and does not.
        doubted: the judge has said in this episode that the task is not complete.
    """

    failing: tuple[tuple[Level, Run], ...] = ()
    blind: tuple[tuple[tuple[FailureMode, Voice], Run], ...] = ()
    failures: tuple[Failure, ...] = ()
    faults: tuple[Failure, ...] = ()
    complete: Run | None = None
    evident: tuple[tuple[Voice, Run | None], ...] = ()
    doubted: bool = False

    @property
    def failed(self) -> tuple[Failure, ...]:
        """What makes the episode a failed one, worst first."""
        return tuple(sorted((item for item in self.failures if item.fails), key=lambda item: item.badness))

    @property
    def confirmed_faults(self) -> tuple[Failure, ...]:
        """Blindness that has lasted and has not been gone for long enough."""
        return tuple(fault for fault in self.faults if fault.confirmed)

    @property
    def open(self) -> tuple[Failure, ...]:
        """All failures, and blindness that has lasted; of two of one mode the confirmed one, then the worse."""
        held = (*self.confirmed_faults, *self.failures)
        of_mode = {item.mode: item for item in sorted(held, key=lambda item: (item.confirmed, item.severity))}
        return tuple(of_mode[mode] for mode in sorted(of_mode))

    @property
    def review_fails(self) -> bool:
        """True where the review spoke for a failure and has not taken that back."""
        held = any(failure.found_by_review for failure in self.failures)
        return held or any(voice[0] is Layer.JUDGE and voice[2] == REVIEW for (voice, _), _ in self.failing)

    def agreed(self, hold_s: float) -> bool:
        """Tell whether judge and evidence have agreed for so long without a break."""
        if self.complete is None or not self.evident:
            return False
        since_ns, last_ns = self.complete.since_ns, self.complete.last_ns
        for _, run in self.evident:
            if run is None:
                return False
            since_ns, last_ns = max(since_ns, run.since_ns), min(last_ns, run.last_ns)
        return last_ns - since_ns >= nanoseconds(hold_s)


def remember(memory: GateMemory, found: Findings, limits: GateLimits) -> GateMemory:
    """Return the memory after one more evaluation; the same findings again change nothing."""
    failing = _failing(dict(memory.failing), found)
    blind = _blind(dict(memory.blind), found, limits)
    return GateMemory(
        tuple(sorted(failing.items(), key=lambda item: item[0])),
        tuple(sorted(blind.items(), key=lambda item: item[0])),
        _failures(memory.failures, failing, found, limits),
        _faults(memory.faults, blind, found, limits),
        _complete(memory.complete, found),
        _evident(dict(memory.evident), found, limits),
        memory.doubted or _doubts(found),
    )


def _failing(before: Mapping[Level, Run], found: Findings) -> dict[Level, Run]:
    against = found.speaking(Effect.FAILURE)
    answers = {True: found.review(PROGRESS), False: found.judge(PROGRESS)}
    unseeing = {voice_of(finding) for finding in found.speaking(Effect.BLIND)}

    def says_nothing(voice: Voice) -> bool:
        return answers[voice[2] == REVIEW] is None if voice[0] is Layer.JUDGE else voice in unseeing

    # Who cannot see neither adds to a run nor breaks it.
    runs = {level: run for level, run in before.items() if says_nothing(level[0])}
    for finding in against:
        for severity in Severity:
            level = (voice_of(finding), severity)
            if severity <= finding.severity:
                runs[level] = _later(runs.get(level), longer(before.get(level), finding.stamp_ns))
    return runs


def _later(one: Run | None, other: Run) -> Run:
    return other if one is None or other.last_ns >= one.last_ns else one


def _blind(
    before: Mapping[tuple[FailureMode, Voice], Run], found: Findings, limits: GateLimits
) -> dict[tuple[FailureMode, Voice], Run]:
    runs: dict[tuple[FailureMode, Voice], Run] = {}
    for finding in _lacking(found):
        key = (fault_mode(finding, limits.cameras), eye_of(finding))
        runs[key] = _later(runs.get(key), longer(before.get(key), finding.stamp_ns))
    return runs


def _lacking(found: Findings) -> tuple[Finding, ...]:
    """Blindness that is a fault where it lasts. That a judge has not answered yet is none."""
    return tuple(item for item in found.blind if not (item.layer is Layer.JUDGE and item.name == PENDING))


def _failures(
    held: Iterable[Failure], failing: Mapping[Level, Run], found: Findings, limits: DebounceLimits
) -> tuple[Failure, ...]:
    signs: dict[FailureMode, tuple[Sign, ...]] = {}
    for finding in found.speaking(Effect.FAILURE):
        mode: FailureMode = FailureMode.UNKNOWN if finding.mode is FailureMode.NONE else finding.mode
        since_ns = failing[(voice_of(finding), Severity.INFO)].since_ns
        signs[mode] = (*signs.get(mode, ()), Sign(finding, since_ns, _confirmed(finding, failing, limits)))
    before = {failure.mode: failure for failure in held}
    now: list[Failure] = []
    for mode in sorted({*signs, *before}):
        failure = before.get(mode)
        if mode in signs:
            now.append(seen(failure, mode, signs[mode]))
        elif failure is not None:
            after = _unseen(failure, failing, found, limits)
            if after is not None:
                now.append(after)
    return tuple(now)


def _confirmed(finding: Finding, failing: Mapping[Level, Run], limits: DebounceLimits) -> Severity | None:
    if finding.severity is Severity.CRITICAL and finding.layer is not Layer.JUDGE:
        return Severity.CRITICAL
    levels = [severity for severity in Severity if severity <= finding.severity]
    judged = finding.layer is Layer.JUDGE
    held = [severity for severity in levels if failing[(voice_of(finding), severity)].fails(limits, judged)]
    return max(held, default=None)


def _unseen(failure: Failure, failing: Mapping[Level, Run], found: Findings, limits: DebounceLimits) -> Failure | None:
    speaking = {voice_of(finding) for finding in found.speaking(Effect.FAILURE)}
    # A voice that fell silent takes nothing back; one that now speaks for another failure does.
    silent = any(voice not in speaking and (voice, Severity.INFO) in failing for voice in failure.voices)
    if silent or (failure.confirmed and found.blind):
        return replace(failure, recovering=())
    if not failure.confirmed:
        return None
    return quiet(failure, {voice: _answer(voice, found) for voice in failure.voices}, limits)


def _answer(voice: Voice, found: Findings) -> int | None:
    """Stamp of what says that a failure is gone which a voice has found: the judge's, or the review's, for its own."""
    own = BAND if voice[1] == BAND else FAILURE
    if voice[0] is Layer.JUDGE and voice[2] == REVIEW:
        answer = found.review(own)
        failing = speaks_for_failure(found.review(FAILURE)) or speaks_for_failure(found.review(BAND))
    else:
        # A judge that found the failure has to say that it is gone; for other layers it is enough that they are quiet.
        answer = found.judge(own if voice[0] is Layer.JUDGE else PROGRESS)
        failing = speaks_for_failure(found.judge(FAILURE)) or speaks_for_failure(found.judge(BAND))
    return None if answer is None or failing else answer.stamp_ns


def _faults(
    held: Iterable[Failure],
    blind: Mapping[tuple[FailureMode, Voice], Run],
    found: Findings,
    limits: GateLimits,
) -> tuple[Failure, ...]:
    signs: dict[FailureMode, tuple[Sign, ...]] = {}
    for finding in _lacking(found):
        mode = fault_mode(finding, limits.cameras)
        run, severity = blind[(mode, eye_of(finding))], limits.severity(mode)
        lasts = run.held(limits.failure_count, limits.fault_hold_s(mode))
        sign = Sign(replace(finding, severity=severity), run.since_ns, severity if lasts else None)
        signs[mode] = (*signs.get(mode, ()), sign)
    before = {fault.mode: fault for fault in held}
    now: list[Failure] = []
    for mode in sorted({*signs, *before}):
        fault = before.get(mode)
        if mode in signs:
            now.append(seen(fault, mode, signs[mode], blindness=True))
        elif fault is not None and fault.confirmed:
            after = quiet(fault, {voice: _sight(voice, fault, found) for voice in fault.voices}, limits)
            if after is not None:
                now.append(after)
    return tuple(now)


def _sight(voice: Voice, fault: Failure, found: Findings) -> int | None:
    """Stamp of the newest that a sense sees again; None where it does not."""
    eyes = {voice_of(finding): eye_of(finding) for finding in fault.findings}
    stamps = [
        finding.stamp_ns
        for finding in found.all
        if finding.effect is not Effect.BLIND and not is_review(finding) and eye_of(finding) == eyes[voice]
    ]
    return max(stamps, default=None)


def _complete(before: Run | None, found: Findings) -> Run | None:
    claims = found.claims_of_success
    return longer(before, claims[0].stamp_ns) if claims and not found.blind else None


def _doubts(found: Findings) -> bool:
    success = found.judge(SUCCESS)
    return success is not None and success.effect is not Effect.SUCCESS


def _evident(
    before: Mapping[Voice, Run | None], found: Findings, limits: GateLimits
) -> tuple[tuple[Voice, Run | None], ...]:
    # What once spoke has to go on speaking, so that to lose one of several findings is never better than to have it.
    runs: dict[Voice, Run | None] = dict.fromkeys(before)
    blind = bool(found.blind)
    for name in limits.success_evidence:
        for finding in reversed(found.evidence(name)):  # of two of one voice the least favourable comes last
            voice = voice_of(finding)
            speaks = finding.effect is Effect.SUCCESS and not blind
            runs[voice] = longer(before.get(voice), finding.stamp_ns) if speaks else None
    return tuple(sorted(runs.items(), key=lambda item: item[0]))
