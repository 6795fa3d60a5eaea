"""Figures in words: what they are called in a sentence and on the page, how their values and intervals are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.qualify.meaning import MEANINGS

WORDS: Mapping[str, str] = {
    "voc": "value-order correlation on successes",
    "voc_static": "value-order correlation on a frozen picture",
    "voc_reversed": "value-order correlation backwards",
    "voc_shuffled": "value-order correlation on shuffled pictures",
    "voc_wrong_task": "value-order correlation under another task",
    "voc_clock": "value-order correlation of a clock",
    "voc_truth": "value-order correlation of the truth",
    "static_range": "range of progress on a frozen picture",
    "wrong_task_lower": "of the successes score lower under another task",
    "success_auroc": "AUROC of success",
    "success_auroc_of_progress": "AUROC of success by progress",
    "success_auroc_clock": "AUROC of success of a clock",
    "success_average_precision": "average precision of success",
    "success_brier": "Brier score of success",
    "ece": "expected calibration error",
    "success_accuracy": "of the verdicts on success are right",
    "success_precision": "of the claimed successes are successes",
    "success_recall": "of the successes are claimed",
    "verdict_accuracy": "of the verdicts are right",
    "failure_precision": "of the claimed failures are failures",
    "failure_recall": "of the failures are found",
    "failure_f1": "F1 of failures",
    "false_stops_per_success": "false stops per success",
    "false_stops_per_hour": "false stops per hour",
    "onset_delay_s": "delay from onset to detection",
    "found_within_2_s": "of the failures are found within 2 s",
    "alarm_before_onset": "of the failures are called over 2 s too early",
    "failure_mode_accuracy": "of the failure modes are right",
    "preference_accuracy": "preference accuracy",
    "preference_accuracy_of_people": "preference accuracy on pairs that people compared",
    "pearson": "Pearson correlation with the true score",
    "spearman": "Spearman correlation with the true score",
    "kendall": "Kendall correlation with the true score",
    "mae": "mean error of progress",
    "mae_clock": "mean error of a clock's progress",
    "optimism": "optimism of progress",
    "early_completion": "of the episodes are called complete too early",
    "early_completion_s": "early completion",
    "declined": "of the answers decline",
    "unknown": "of the time without a verdict",
    "unknown_when_wrong": "of what is not right says UNKNOWN",
    "latency_s": "median latency",
    "latency_p95_s": "95th percentile of latency",
    "input_tokens_per_answer": "tokens read for an answer",
    "output_tokens_per_answer": "tokens written for an answer",
    "cost_per_hour": "cost of an hour of episodes",
}

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Does it look? Order in time, and the controls": (
        *("voc", "voc_static", "voc_reversed", "voc_shuffled", "voc_wrong_task", "voc_clock", "voc_truth"),
        *("static_range", "wrong_task_lower"),
    ),
    "Success": (
        *("success_auroc", "success_auroc_of_progress", "success_auroc_clock", "success_average_precision"),
        *("success_accuracy", "success_precision", "success_recall", "verdict_accuracy", "success_brier", "ece"),
    ),
    "Failures and false stops": (
        *("failure_f1", "failure_precision", "failure_recall", "false_stops_per_success", "false_stops_per_hour"),
        *("onset_delay_s", "found_within_2_s", "alarm_before_onset", "failure_mode_accuracy"),
    ),
    "How far the task came": (
        *("mae", "mae_clock", "optimism", "early_completion", "early_completion_s"),
        *("preference_accuracy", "preference_accuracy_of_people", "pearson", "spearman", "kendall"),
    ),
    "What it does not say, how fast it is, and what it costs": (
        *("declined", "unknown", "unknown_when_wrong", "latency_s", "latency_p95_s"),
        *("input_tokens_per_answer", "output_tokens_per_answer", "cost_per_hour"),
    ),
}
"""What belongs together on the page, in its order."""

HEADLINES = ("voc", "success_auroc", "failure_f1", "false_stops_per_success", "found_within_2_s", "mae", "ece")
"""The figures at the top of the page, and those of the tables of tasks, modes and cameras."""

_ENDS = {"share": (0.0, 1.0), "correlation": (-1.0, 1.0)}
_UNITS = {"s": " s", "1/h": " /h", "money/h": " /h"}


@dataclass(frozen=True, slots=True)
class Line:
    """A figure for a table.

    Attributes:
        name: of the figure.
        words: what it is called.
        value: in words; empty where it is not known.
        interval: the same.
        n: what it rests on.
        reason: why something is not known.
        meaning: its definition.
    """

    name: str
    words: str
    value: str
    interval: str
    n: int
    reason: str
    meaning: str

    @staticmethod
    def of(name: str, figure: CardFigure) -> Line:
        """Put a figure into words."""
        known = figure.low is not None and figure.high is not None
        return Line(
            name=name,
            words=words_of(name),
            value=value_in_words(name, figure.value) if figure.value is not None else "",
            interval=f"{number(figure.low)} to {number(figure.high)}" if known else "",
            n=figure.n,
            reason=figure.reason,
            meaning=MEANINGS[name].text if name in MEANINGS else "",
        )


def words_of(name: str) -> str:
    """What a figure is called; its name where nobody has words for it."""
    return WORDS.get(name, name)


def value_in_words(name: str, value: float) -> str:
    """A value with its unit."""
    return number(value) + _unit(name)


def bound_in_words(name: str, value: float) -> str:
    """A bound as a person wrote it, with its unit."""
    return f"{value:g}".replace("-", "\u2212") + _unit(name)


def interval_in_words(figure: CardFigure) -> str:
    """Interval and n, as they stand in brackets."""
    if figure.low is None or figure.high is None:
        return f"no interval, n = {figure.n}"
    return f"{number(figure.low)} to {number(figure.high)}, n = {figure.n}"


def number(value: float | None) -> str:
    """Two decimals, or three of a small number that has them."""
    if value is None:
        return ""
    text = f"{value:.3f}" if abs(value) < 0.0995 else f"{value:.2f}"
    text = f"{value:.2f}" if text.endswith("0") else text
    return text.replace("-", "\u2212")


def ends(name: str) -> tuple[float, float] | None:
    """Smallest and largest value that a figure can have; None where it has none or they are not known."""
    meaning = MEANINGS.get(name)
    if meaning is None:
        return None
    if name == "failure_f1":
        return _ENDS["share"]
    return _ENDS.get(meaning.unit)


def _unit(name: str) -> str:
    meaning = MEANINGS.get(name)
    return _UNITS.get(meaning.unit, "") if meaning is not None else ""


def few(keys: Sequence[str]) -> str:
    """The first five keys, and how many more there are."""
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
