"""What several opinions on the same evidence come to, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.ensemble_file import Rules
from vlm_judge_ros.judges.opinion import Critique, Opinion, SubtaskOpinion
from vlm_judge_ros.judges.told import told

_ROUNDING = 1e-9
_QUOTED = 120


@dataclass(frozen=True, slots=True)
class Voice:
    """What one member of an ensemble said.

    Attributes:
        name: of the member.
        weight: how much it counts, above 0.
        opinion: its opinion; None where it failed.
        fault: why it failed; empty where it did not.
    """

    name: str
    weight: float
    opinion: Opinion | None
    fault: str = ""

    @property
    def left_out(self) -> str:
        """Why it does not count; empty where it does."""
        if self.opinion is None:
            return self.fault or "it failed"
        if self.opinion.unparsable:
            return f"unparsable, {self.opinion.reason or 'it gave no reason'}"
        return (self.opinion.reason or "it gave no reason") if self.opinion.declined else ""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an ensemble says; fields as in `Opinion`, where they have the same name.

    Attributes:
        spread: standard deviation of the members' progress; NaN where nobody was heard.
    """

    reason: str
    unparsable: bool = False
    spread: float = math.nan
    progress: float = math.nan
    progress_low: float = math.nan
    progress_high: float = math.nan
    success_probability: float = math.nan
    failure_probability: float = math.nan
    failure_mode: FailureMode = FailureMode.NONE
    mode_probabilities: dict[FailureMode, float] | None = None
    novelty: float = math.nan
    calibrated: bool = False
    subtasks: tuple[SubtaskOpinion, ...] = ()
    critique: Critique | None = None


@dataclass(frozen=True, slots=True)
class _Heard:
    name: str
    weight: float
    opinion: Opinion


def agree(voices: Sequence[Voice], rules: Rules) -> Agreed:
    """Weigh what the members said. Their order does not matter.

    - Progress is the weighted mean, its interval the wider of the members' own and one standard deviation.
    - Success is the smaller of the weighted mean and the lower weighted median: no minority can raise it, and dissent
      lowers it. Members that cannot speak of success do not speak for it.
    - Failure is the upper weighted median of those that can speak of it: no minority can talk it away, nor claim it.
    - Where too few answer, where progress spreads too widely, or where votes are too divided, nothing is said. But a
      failure that they agree on is said however far their progress differs.
    """
    voices = sorted(voices, key=lambda voice: voice.name)
    heard = [
        _Heard(voice.name, voice.weight, voice.opinion)
        for voice in voices
        if voice.opinion is not None and not voice.left_out
    ]
    out = [voice for voice in voices if voice.left_out]
    missing = "; ".join(f"{voice.name}: {told(voice.left_out, _QUOTED).rstrip('.')}" for voice in out)
    total = math.fsum(voice.weight for voice in voices)
    weight = math.fsum(voice.weight for voice in heard)
    if not heard or weight < rules.quorum * total - _ROUNDING:
        reason = f"Only {len(heard)} of {len(voices)} members can say; left out: {missing}"
        unparsable = all(voice.opinion is not None and voice.opinion.unparsable for voice in out)
        return Agreed(_sentence(reason), unparsable=unparsable)
    progress = _mean(heard, lambda opinion: opinion.progress)
    spread = math.sqrt(_mean(heard, lambda opinion: (opinion.progress - progress) ** 2))
    failure, against_failure = _failure(heard, rules)
    success, against_success = _success(heard, rules)
    failing = failure >= rules.min_confidence
    divided = against_failure or ("" if failing else against_success)
    if not divided and not failing and spread > rules.max_spread + _ROUNDING:
        divided = f"progress ({_listed(heard, lambda opinion: opinion.progress)})"
    left_out = f" Left out: {missing}" if missing else ""
    if divided:
        return Agreed(_sentence(f"The members disagree on {divided}.{left_out}"), spread=spread)
    low, high = _interval(heard, progress, spread)
    kept = max(heard, key=lambda voice: (len(voice.opinion.subtasks) > 0, voice.weight))
    critic = max(heard, key=lambda voice: (voice.opinion.critique is not None, voice.weight))
    return Agreed(
        reason=_sentence(f"{_listed(heard, lambda opinion: opinion.progress)}.{left_out}"),
        spread=spread,
        progress=progress,
        progress_low=low,
        progress_high=high,
        success_probability=success,
        failure_probability=failure,
        failure_mode=_mode(heard, failure, rules),
        mode_probabilities=_mode_probabilities(heard),
        novelty=max((number for voice in heard if not math.isnan(number := voice.opinion.novelty)), default=math.nan),
        calibrated=all(voice.opinion.calibrated for voice in heard),
        subtasks=kept.opinion.subtasks,
        critique=critic.opinion.critique,
    )


def _success(heard: Sequence[_Heard], rules: Rules) -> tuple[float, str]:
    """The probability of success, NaN where too few speak of it; and on what they are divided."""

    def of(opinion: Opinion) -> float:
        return opinion.success_probability

    able = _able(heard, of)
    if math.fsum(voice.weight for voice in able) < rules.quorum * math.fsum(v.weight for v in heard) - _ROUNDING:
        return math.nan, ""
    mean = _mean(able, of)
    return min(mean, _median(able, of, lower=True)), _division(able, of, "success", rules)


def _failure(heard: Sequence[_Heard], rules: Rules) -> tuple[float, str]:
    """The probability of failure, NaN where nobody speaks of it; and on what they are divided."""

    def of(opinion: Opinion) -> float:
        return opinion.failure_probability

    able = _able(heard, of)
    if not able:
        return math.nan, ""
    return _median(able, of, lower=False), _division(able, of, "failure", rules)


def _able(heard: Sequence[_Heard], of: Callable[[Opinion], float]) -> list[_Heard]:
    return [voice for voice in heard if not math.isnan(of(voice.opinion))]


def _division(able: Sequence[_Heard], of: Callable[[Opinion], float], what: str, rules: Rules) -> str:
    """What the votes are divided on; empty where one side has enough of them, or there are none."""
    sure = [voice for voice in able if max(of(voice.opinion), 1.0 - of(voice.opinion)) >= rules.min_confidence]
    total = math.fsum(voice.weight for voice in sure)
    if total == 0.0:
        return ""
    share = math.fsum(voice.weight for voice in sure if of(voice.opinion) >= 0.5) / total
    return f"{what} ({_listed(able, of)})" if max(share, 1.0 - share) < rules.min_agreement - _ROUNDING else ""


def _mean(voices: Sequence[_Heard], of: Callable[[Opinion], float]) -> float:
    total = math.fsum(voice.weight for voice in voices)
    mean = math.fsum(voice.weight * of(voice.opinion) for voice in voices) / total
    # Rounding must not carry a mean out of what is averaged: 1 would become more than 1.
    values = [of(voice.opinion) for voice in voices]
    return min(max(values), max(min(values), mean))


def _median(voices: Sequence[_Heard], of: Callable[[Opinion], float], lower: bool) -> float:
    """The weighted median; of two that are both in the middle the lower or the upper one."""
    half = math.fsum(voice.weight for voice in voices) / 2.0
    reached = 0.0
    ordered = sorted((of(voice.opinion), voice.weight) for voice in voices)
    for value, weight in ordered if lower else reversed(ordered):
        reached += weight
        if reached >= half - _ROUNDING:
            return value
    return ordered[-1 if lower else 0][0]


def _interval(heard: Sequence[_Heard], progress: float, spread: float) -> tuple[float, float]:
    low, high = progress - spread, progress + spread
    wide = [voice for voice in heard if not math.isnan(voice.opinion.progress_low + voice.opinion.progress_high)]
    if wide:
        low = min(low, _mean(wide, lambda opinion: opinion.progress_low))
        high = max(high, _mean(wide, lambda opinion: opinion.progress_high))
    elif len(heard) == 1:
        return math.nan, math.nan
    return max(0.0, low), min(1.0, high)


def _mode(heard: Sequence[_Heard], failure: float, rules: Rules) -> FailureMode:
    """The failure mode that enough of the members name."""
    named = [voice for voice in heard if voice.opinion.failure_mode is not FailureMode.NONE]
    if failure >= 0.5:
        named = [voice for voice in named if voice.opinion.failure_probability >= 0.5]
    if not named:
        return FailureMode.UNKNOWN if failure >= 0.5 else FailureMode.NONE
    total = math.fsum(voice.weight for voice in named)
    shares = {
        mode: math.fsum(voice.weight for voice in named if voice.opinion.failure_mode is mode) / total
        for mode in {voice.opinion.failure_mode for voice in named}
    }
    # At most one can have more than half.
    enough = [mode for mode, share in shares.items() if share >= rules.min_agreement - _ROUNDING and share > 0.5]
    return enough[0] if enough else FailureMode.UNKNOWN


def _mode_probabilities(heard: Sequence[_Heard]) -> dict[FailureMode, float]:
    able = [voice for voice in heard if voice.opinion.mode_probabilities]
    modes = sorted({mode for voice in able for mode in voice.opinion.mode_probabilities})

    def of(mode: FailureMode) -> Callable[[Opinion], float]:
        return lambda opinion: opinion.mode_probabilities.get(mode, 0.0)

    return {mode: _mean(able, of(mode)) for mode in modes}


def _listed(voices: Sequence[_Heard], of: Callable[[Opinion], float]) -> str:
    return ", ".join(f"{voice.name} {of(voice.opinion):.0%}" for voice in voices)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…")) else f"{text}."
