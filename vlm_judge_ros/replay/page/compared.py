"""Verdicts beside what the recordings and people say: figures of agreement, and the pairs of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.labels.agreement import JudgeSays, agreement
from vlm_judge_ros.replay.labels.figure import Figure
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.people import people_say
from vlm_judge_ros.replay.page.reported import Reported
from vlm_judge_ros.replay.page.scatter import scatter
from vlm_judge_ros.replay.trace import EpisodeTrace

NAMES = {
    "success_accuracy": ("verdict on success is right", "%"),
    "success_precision": ("of the judged successes are successes", "%"),
    "success_recall": ("of the successes are judged so", "%"),
    "failure_mode_matches": ("of the failures get the same mode", "%"),
    "onset_error_s": ("error of the onset", "s"),
    "onset_bias_s": ("bias of the onset, positive is late", "s"),
    "spearman": ("rank correlation of the progress (Spearman)", ""),
    "pearson": ("correlation of the progress (Pearson)", ""),
    "score_error": ("mean error of the progress", "points"),
    "score_bias": ("bias of the progress", "points"),
    "preference_accuracy": ("pairs of a task in the same order", "%"),
    "rater_kappa_success": ("two people on success (Cohen's kappa)", ""),
    "rater_kappa_failure_mode": ("two people on the mode (Cohen's kappa)", ""),
    "rater_score_error": ("difference of two people's scores", "points"),
}
"""What the figures are called on the page, in its order, and their units; the others are left out."""


@dataclass(frozen=True, slots=True)
class Line:
    """A figure in words; the interval is empty where there is none."""

    name: str
    value: str
    interval: str
    n: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the verdicts agree with one side.

    Attributes:
        title: which side.
        lines: the figures that something is known of.
        pairs: a drawing of both scores of each episode; None where none has both.
        raters: names of the people, and of the columns that count as people; empty for the recorded truth.
    """

    title: str
    lines: tuple[Line, ...]
    pairs: Markup | None
    raters: tuple[str, ...] = ()


class Compared:
    """Collects what both sides say, episode by episode.

    Args:
        labels: what people say, by the keys of the episodes.
    """

    def __init__(self, labels: Sequence[Label]) -> None:
        self._people = _Side("people", list(labels))
        self._recorded = _Side("the recorded truth", [])

    def add(self, reported: Reported) -> None:
        """Take an episode."""
        trace, truth = reported.trace, reported.trace.truth
        self._people.add(reported.key, trace)
        self._people.labels.extend(reported.labels)
        # Keys of episodes that were judged live are names, which labels do not allow; a number does.
        number = f"episode-{len(self._recorded.judged)}"
        self._recorded.add(number, trace)
        if truth is not None:
            values = trace.true_progress.values
            self._recorded.labels.append(
                Label(
                    episode=number,
                    score=min(max(values[-1], 0.0), 1.0) if values else None,
                    success=truth.outcome == "success",
                    failure_mode=FailureMode[truth.failure_mode],
                    onset_s=truth.onset_s,
                )
            )

    def agreements(self) -> list[Agreement]:
        """With the recordings and with people, as far as either says anything."""
        return [side.agreement() for side in (self._recorded, self._people) if side.labels]


class _Side:
    def __init__(self, title: str, labels: list[Label]) -> None:
        self.labels = labels
        self.judged: list[JudgeSays] = []
        self._title = title
        self._names: dict[str, str] = {}

    def add(self, key: str, trace: EpisodeTrace) -> None:
        self.judged.append(JudgeSays.of(key, trace))
        self._names[key] = trace.name

    def agreement(self) -> Agreement:
        said = people_say(self.labels)
        pairs = [
            (self._names[one.episode], score, one.score)
            for one in self.judged
            if one.score is not None and one.episode in said and (score := said[one.episode].score) is not None
        ]
        lines = _lines(agreement(self.judged, self.labels))
        raters = tuple(sorted({label.rater for label in self.labels if label.rater}))
        return Agreement(self._title, lines, scatter(self._title, pairs) if pairs else None, raters)


def _lines(figures: Mapping[str, Figure]) -> tuple[Line, ...]:
    lines = []
    for name, (words, unit) in NAMES.items():
        one = figures[name]
        if one.value is None:
            continue
        known = one.low is not None and one.high is not None
        interval = f"{_number(one.low, unit)} to {_number(one.high, unit)}" if known else ""
        lines.append(Line(words, f"{_number(one.value, unit)} {unit}".rstrip(), interval, one.n))
    return tuple(lines)


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    text = f"{value * 100:.0f}" if unit in ("%", "points") else f"{value:.2f}"
    return text.replace("-", "\u2212")
