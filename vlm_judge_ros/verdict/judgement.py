"""Layer 3: the newest opinion of the judge, or of the review, as findings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity

PROGRESS = "judge_progress"
SUCCESS = "judge_success"
FAILURE = "judge_failure"

BAND = "judge_band"
"""Name of the finding that answers leave, or keep to, what successful episodes show; a calibration has the band."""

PENDING = "judge_pending"
"""Name of the finding that a judge has not answered yet, and has not taken too long either."""

REVIEW = "review"
"""Source of what the second judge says; the source of the one that is always on is empty."""


@dataclass(frozen=True, slots=True)
class JudgeLimits:
    """How the judge's numbers are read.

    Attributes:
        success_threshold: from this success probability on, the judge speaks for success.
        failure_threshold: from this failure probability on, the judge speaks for failure.
        opinion_timeout_s: an opinion on frames older than this is no longer one.

    Raises:
        JudgeError: a number is out of range.
    """

    success_threshold: float = 0.8
    failure_threshold: float = 0.7
    opinion_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        for name in ("success_threshold", "failure_threshold"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise JudgeError(f"{name} is {value}; give a probability above 0, 1 at most.")
        if not 0.0 < self.opinion_timeout_s <= 3600.0:
            raise JudgeError(f"opinion_timeout_s is {self.opinion_timeout_s}; give seconds above 0, 3600 at most.")


@dataclass(frozen=True, slots=True)
class JudgeFault:
    """A question got no answer.

    Attributes:
        cause: why, one sentence.
        stamp_ns: the node clock when that was known.
    """

    cause: str
    stamp_ns: int


def judge_findings(
    opinion: Opinion | None,
    fault: JudgeFault | None,
    now_ns: int,
    limits: JudgeLimits,
    source: str = "",
    asked_ns: int | None = None,
) -> tuple[Finding, ...]:
    """Read the newest opinion.

    Args:
        opinion: the newest one; None before the first of the episode.
        fault: why the newest question got no answer; None where it got one.
        now_ns: the node clock.
        limits: thresholds.
        source: whose opinion it is: empty for the judge that is always on, else `REVIEW`.
        asked_ns: since when an answer is waited for while there is no opinion; None where that is not told.

    Returns:
        What the judge says of progress, success and failure; or one finding that it cannot say, and why. Findings on an
        opinion carry the stamp of the newest frame that it saw.
    """
    voice = _Voice(source)
    since_ns = asked_ns if opinion is None else opinion.evidence.now_ns
    age_s = 0.0 if since_ns is None else (now_ns - since_ns) * 1e-9
    silent = since_ns is not None and now_ns - since_ns > nanoseconds(limits.opinion_timeout_s)
    if fault is not None:
        # A fault is one observation, however often it is looked at; a judge that then stays silent is observed as such.
        seen_ns = now_ns if silent else fault.stamp_ns
        return (voice.blind("judge_fault", f"{voice.who} gave no answer: {fault.cause}", seen_ns),)
    if opinion is None:
        text = f"{voice.who} has not answered in this episode yet."
        return (voice.blind("judge_silent" if silent else PENDING, text, now_ns, since_ns),)
    stamp_ns = opinion.evidence.now_ns
    if silent:
        text = f"The newest answer of {voice.whom} is {age_s:.1f} s old."
        return (voice.blind("judge_silent", text, now_ns, stamp_ns, age_s, limits.opinion_timeout_s, "s"),)
    numbers = (opinion.progress, opinion.success_probability, opinion.failure_probability)
    if not all(math.isnan(number) or 0.0 <= number <= 1.0 for number in numbers):
        text = f"{voice.who} answered progress, success and failure of {numbers}, which have to lie between 0 and 1."
        return (voice.blind("judge_fault", text, stamp_ns),)
    reason = opinion.reason or "it gave no reason"
    if opinion.unparsable:
        return (voice.blind("judge_unparsable", f"What {voice.whom} answered cannot be read: {reason}", stamp_ns),)
    if opinion.declined:
        text = f"{voice.who} cannot say: {reason}"
        return (voice.blind("judge_declined", text, stamp_ns, value=opinion.novelty, limit=1.0),)
    found = [voice.progress(opinion, stamp_ns)]
    # A method may know nothing of success or of failure; then it says nothing of it, for or against.
    if not math.isnan(opinion.success_probability):
        found.append(voice.success(opinion, stamp_ns, limits))
    if not math.isnan(opinion.failure_probability):
        found.append(voice.failure(opinion, stamp_ns, limits))
    if not math.isnan(opinion.band_score):
        found.append(voice.band(opinion, stamp_ns))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Voice:
    """Puts findings into words for one of the two judges."""

    source: str

    @property
    def whom(self) -> str:
        return "the review" if self.source else "the judge"

    @property
    def who(self) -> str:
        return "The review" if self.source else "The judge"

    def progress(self, opinion: Opinion, stamp_ns: int) -> Finding:
        text = f"{self.who} sees the task at {opinion.progress:.0%}."
        if math.isnan(opinion.success_probability):
            text = f"{text[:-1]} and cannot tell whether it is complete."
        return self._says(PROGRESS, Effect.NEUTRAL, text, stamp_ns, opinion.progress, math.nan)

    def success(self, opinion: Opinion, stamp_ns: int, limits: JudgeLimits) -> Finding:
        probability, limit = opinion.success_probability, limits.success_threshold
        effect = Effect.SUCCESS if probability >= limit else Effect.NEUTRAL
        return self._says(
            SUCCESS, effect, f"{self.who} gives {probability:.0%} for complete.", stamp_ns, probability, limit
        )

    def failure(self, opinion: Opinion, stamp_ns: int, limits: JudgeLimits) -> Finding:
        probability, limit = opinion.failure_probability, limits.failure_threshold
        text = f"{self.who} gives {probability:.0%} for failing"
        if probability < limit:
            return self._says(FAILURE, Effect.NEUTRAL, f"{text}.", stamp_ns, probability, limit)
        mode = opinion.failure_mode if opinion.failure_mode is not FailureMode.NONE else FailureMode.UNKNOWN
        text = f"{text}: {mode.name.lower().replace('_', ' ')}."
        found = self._says(FAILURE, Effect.FAILURE, text, stamp_ns, probability, limit)
        return replace(found, severity=Severity.ERROR, mode=mode)

    def band(self, opinion: Opinion, stamp_ns: int) -> Finding:
        score, limit = opinion.band_score, opinion.band_limit
        numbers = f"({score:.2f} widths, limit {limit:.2f})"
        if score <= limit:
            text = f"{self.who} answers as in successful episodes {numbers}."
            return self._says(BAND, Effect.NEUTRAL, text, stamp_ns, score, limit)
        mode = opinion.failure_mode if opinion.failure_mode is not FailureMode.NONE else FailureMode.UNKNOWN
        text = f"{self.who} does not answer as in successful episodes {numbers}."
        found = self._says(BAND, Effect.FAILURE, text, stamp_ns, score, limit)
        return replace(found, severity=Severity.ERROR, mode=mode)

    def blind(
        self,
        name: str,
        text: str,
        stamp_ns: int,
        onset_ns: int | None = None,
        value: float = math.nan,
        limit: float = math.nan,
        unit: str = "1",
    ) -> Finding:
        return Finding(
            Layer.JUDGE,
            name,
            self.source,
            Effect.BLIND,
            text if text.endswith(".") else f"{text}.",
            stamp_ns,
            onset_ns=onset_ns,
            severity=Severity.ERROR,
            value=value,
            limit=limit,
            unit=unit,
        )

    def _says(self, name: str, effect: Effect, text: str, stamp_ns: int, value: float, limit: float) -> Finding:
        return Finding(Layer.JUDGE, name, self.source, effect, text, stamp_ns, value=value, limit=limit)
