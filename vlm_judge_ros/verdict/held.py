"""One failure that the gate holds, from its first sign until it has passed or healed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.debounce import DebounceLimits, Run, Voice, longer, voice_of
from vlm_judge_ros.verdict.findings import is_review


@dataclass(frozen=True, slots=True)
class Sign:
    """A finding that speaks for a failure now.

    Attributes:
        finding: the finding.
        since_ns: stamp of the first of its row.
        confirmed: the severity at which it is confirmed; None where it is only seen.
    """

    finding: Finding
    since_ns: int
    confirmed: Severity | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that the gate holds: seen, or confirmed.

    Attributes:
        mode: the failure mode; one is held per mode.
        severity: the worst at which it was confirmed; while it is only seen, the worst that was seen.
        findings: the newest of each voice that has spoken for it, the one that decided first.
        since_ns: stamp of the first one.
        last_ns: stamp of the last one.
        confirmed: it held long enough, or was critical.
        blindness: it is a sense that is missing, which makes no verdict FAILED.
        recovering: runs of observations without it, by the voice that has to take it back.
    """

    mode: FailureMode
    severity: Severity
    findings: tuple[Finding, ...]
    since_ns: int
    last_ns: int
    confirmed: bool
    blindness: bool = False
    recovering: tuple[tuple[Voice, Run], ...] = ()

    @property
    def finding(self) -> Finding:
        """The finding that decided."""
        return self.findings[0]

    @property
    def voices(self) -> tuple[Voice, ...]:
        """Who has spoken for it."""
        return tuple(voice_of(finding) for finding in self.findings)

    @property
    def fails(self) -> bool:
        """Whether it makes the episode a failed one."""
        return self.confirmed and self.severity >= Severity.ERROR and not self.blindness

    @property
    def found_by_review(self) -> bool:
        """Whether the review has spoken for it."""
        return any(is_review(finding) for finding in self.findings)

    @property
    def badness(self) -> tuple[int, int, int]:
        """Sorts the worst first: by severity, then the earliest."""
        return (-self.severity, self.since_ns, self.mode)


def seen(held: Failure | None, mode: FailureMode, signs: tuple[Sign, ...], blindness: bool = False) -> Failure:
    """Return a failure after the signs of one more moment.

    Args:
        held: what was held of this mode; None for nothing.
        mode: the mode.
        signs: all that speaks for it now, worst first; at least one.
        blindness: it is a sense that is missing.
    """
    newest = {voice_of(finding): finding for finding in held.findings} if held is not None else {}
    # Of two findings of one voice the first is the worse.
    newest.update({voice_of(sign.finding): sign.finding for sign in reversed(signs)})
    level = max((sign.confirmed for sign in signs if sign.confirmed is not None), default=None)
    if held is not None and held.confirmed and (level is None or level <= held.severity):
        severity, first = held.severity, held.voices[0]
    elif level is not None:
        severity = level
        first = next(voice_of(sign.finding) for sign in signs if sign.confirmed == level)
    else:
        severity = max(sign.finding.severity for sign in signs)
        severity = severity if held is None else max(severity, held.severity)
        first = voice_of(signs[0].finding)
    others = sorted((voice, finding) for voice, finding in newest.items() if voice != first)  # one per voice: no tie
    return Failure(
        mode,
        severity,
        (newest[first], *(finding for _, finding in others)),
        min(sign.since_ns for sign in signs) if held is None else held.since_ns,
        max(*(sign.finding.stamp_ns for sign in signs), held.last_ns if held is not None else 0),
        confirmed=level is not None or (held is not None and held.confirmed),
        blindness=blindness,
    )


def quiet(held: Failure, answers: Mapping[Voice, int | None], limits: DebounceLimits) -> Failure | None:
    """Return a confirmed failure after a moment without a sign of it; None where it has healed.

    Args:
        held: the failure.
        answers: for each of its voices the stamp of what says that it is gone; None where nothing does.
        limits: counts and seconds.
    """
    before = dict(held.recovering)
    runs: dict[Voice, Run] = {}
    for voice, stamp_ns in answers.items():
        if stamp_ns is not None and stamp_ns > held.last_ns:
            runs[voice] = longer(before.get(voice), stamp_ns)
    if len(runs) == len(answers) and all(run.heals(limits) for run in runs.values()):
        return None
    return replace(held, recovering=tuple(sorted(runs.items(), key=lambda item: item[0])))


def fault_mode(finding: Finding, cameras: tuple[str, ...]) -> FailureMode:
    """Return the failure mode of blindness that lasts."""
    if finding.layer is Layer.JUDGE:
        return FailureMode.JUDGE_FAULT
    of_camera = finding.source in cameras or finding.name.startswith("camera")
    return FailureMode.CAMERA_FAULT if of_camera else FailureMode.SIGNAL_FAULT


def eye_of(finding: Finding) -> Voice:
    """Tell which sense a finding is about: a camera or signal, the judge, or one monitor."""
    # Silent, then frozen, then black is one blindness of one camera.
    named = finding.layer not in (Layer.HEALTH, Layer.JUDGE)
    return (finding.layer, finding.name if named else "", finding.source)


def speaks_for_failure(finding: Finding | None) -> bool:
    """Tell whether a finding, where there is one, speaks for failure."""
    return finding is not None and finding.effect is Effect.FAILURE
