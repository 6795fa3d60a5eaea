"""What each figure of a judge card means: its definition, its best value, and what a judge gets that does not look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of one figure.

    Attributes:
        text: its definition.
        unit: of its value; empty for a pure number.
        best: the value that no judge can better; None where there is none.
        clock: what a clock gets that knows how long a success takes; empty where a clock says nothing of it.
        constant: what a judge gets that always answers the same; empty where that differs.
    """

    text: str
    unit: str
    best: float | None
    clock: str = ""
    constant: str = ""


_SHARE = "share"
_CORRELATION = "correlation"

MEANINGS: Mapping[str, Meaning] = {
    # Order in time, and the controls.
    "voc": Meaning(
        "value-order correlation: Spearman's rank correlation of the progress in the answers with their times, until "
        "the task was complete where that is known; mean over successful episodes. 0 where progress does not change, "
        "or fewer than three of the answers tell it; episodes in which fewer than three were given do not count",
        _CORRELATION,
        1.0,
        "`voc_clock`",
        "0",
    ),
    "voc_static": Meaning(
        "the same where the judge was shown one moment again and again", _CORRELATION, 0.0, "near 1", "0"
    ),
    "voc_reversed": Meaning(
        "the same where it was shown the episode from its end, over all answers", _CORRELATION, -1.0, "near 1", "0"
    ),
    "voc_shuffled": Meaning(
        "the same where it was shown the pictures in random order, over all answers, with the time at which each was "
        "shown",
        _CORRELATION,
        0.0,
        "near 1",
        "0",
    ),
    "voc_wrong_task": Meaning(
        "the same under the instruction of another task, over all answers", _CORRELATION, 0.0, "near 1", "0"
    ),
    "voc_clock": Meaning(
        "`voc` of a clock at the same answers: 0 at the start, 1 after the median length of a success of the task (of "
        "all tasks where the task has none), 1 from then on; a clock needs no more than the time that has passed, and "
        "its length comes from the very episodes that it is held against, which favours it",
        _CORRELATION,
        None,
    ),
    "voc_truth": Meaning(
        "`voc` of the true progress at the same answers: what an exact judge gets, less than 1 where successes pause, "
        "slip or go back on their way",
        _CORRELATION,
        None,
    ),
    "static_range": Meaning(
        "largest minus smallest progress where one moment is shown again and again; mean over episodes",
        "",
        0.0,
        "up to 1",
        "0",
    ),
    "wrong_task_lower": Meaning(
        "share of the successful episodes whose last progress is lower under the instruction of another task; those in "
        "which one of both tells none do not count",
        _SHARE,
        1.0,
        "0",
        "0",
    ),
    # Success.
    "success_auroc": Meaning(
        "probability that the last answer gives a success a higher success probability than a failure, ties half; "
        "where the last answer declines, it has not said that the task is complete, and counts as 0",
        _SHARE,
        1.0,
        "",
        "0.5",
    ),
    "success_auroc_of_progress": Meaning(
        "the same by the progress in the last answer", _SHARE, 1.0, "`success_auroc_clock`", "0.5"
    ),
    "success_auroc_clock": Meaning("the same by the clock of `voc_clock` at the time of the last answer", _SHARE, None),
    "success_average_precision": Meaning(
        "area under the curve of precision over recall of successes, as a sum of steps, by the success probability of "
        "the last answer",
        _SHARE,
        1.0,
        "",
        "the share of successes",
    ),
    "success_brier": Meaning(
        "mean squared difference of the success probability of the last answer and what came true (0 or 1)",
        "",
        0.0,
        "",
        "0.25 at probability 0.5",
    ),
    "ece": Meaning(
        "expected calibration error of the success probability of the last answer: ten bins of equal width, the "
        "difference in each of mean probability and share of successes, weighted by its episodes (arXiv 1706.04599). "
        "Scatter only adds to it, so that its interval leans upwards",
        "",
        0.0,
        "",
        "the distance to the share of successes",
    ),
    "success_accuracy": Meaning(
        "share of the episodes whose final state is SUCCEEDED exactly if they were successes", _SHARE, 1.0
    ),
    "success_precision": Meaning("share of successes among those whose final state is SUCCEEDED", _SHARE, 1.0),
    "success_recall": Meaning("share of the successes whose final state is SUCCEEDED", _SHARE, 1.0),
    "verdict_accuracy": Meaning(
        "share of the episodes whose final state is SUCCEEDED for a success, FAILED for a failure", _SHARE, 1.0
    ),
    # Failures and false stops.
    "failure_precision": Meaning("share of failures among the episodes in which FAILED was ever reached", _SHARE, 1.0),
    "failure_recall": Meaning("share of the failures in which FAILED was ever reached", _SHARE, 1.0),
    "failure_f1": Meaning("harmonic mean of `failure_precision` and `failure_recall`", "", 1.0),
    "false_stops_per_success": Meaning(
        "share of the successful episodes in which FAILED was ever reached", _SHARE, 0.0
    ),
    "false_stops_per_hour": Meaning(
        "how often FAILED was reached in successful episodes, by the hours that these lasted", "1/h", 0.0
    ),
    "onset_delay_s": Meaning(
        "median time from the true onset of a failure until a listener knew of one; negative where that was before the "
        "onset; of the failures that were recognised",
        "s",
        0.0,
    ),
    "found_within_2_s": Meaning(
        "share of the failures with a known onset that a listener knew of by two seconds after it", _SHARE, 1.0
    ),
    "alarm_before_onset": Meaning(
        "share of the same failures that were called failures more than two seconds before the onset",
        _SHARE,
        0.0,
    ),
    "failure_mode_accuracy": Meaning(
        "share of the recognised failures of known mode whose mode was right when they were recognised first",
        _SHARE,
        1.0,
    ),
    # People, or a simulator, on how far the task came.
    "preference_accuracy": Meaning(
        "share of the pairs of episodes of one task that final progress orders as people prefer them, or as their true "
        "scores do where people did not compare the two; each task weighs as many pairs as it has, pairs of equal "
        "score and those that people call equal do not count, and one of equal progress is half right "
        "(arXiv 2606.01036)",
        _SHARE,
        1.0,
        "",
        "0.5",
    ),
    "preference_accuracy_of_people": Meaning(
        "the same over the pairs alone that people compared with each other", _SHARE, 1.0, "", "0.5"
    ),
    "pearson": Meaning(
        "Pearson's correlation of final progress with the true score", _CORRELATION, 1.0, "", "not defined"
    ),
    "spearman": Meaning(
        "Spearman's rank correlation of final progress with the true score", _CORRELATION, 1.0, "", "not defined"
    ),
    "kendall": Meaning("Kendall's tau-b of final progress with the true score", _CORRELATION, 1.0, "", "not defined"),
    # Progress over time.
    "mae": Meaning("mean of |progress - true progress| at the answers", "", 0.0, "`mae_clock`"),
    "mae_clock": Meaning("the same of the clock of `voc_clock`, at the same answers", "", None),
    "optimism": Meaning("mean of progress - true progress at the answers; above 0 it flatters", "", 0.0),
    "early_completion": Meaning(
        "share of the episodes in which SUCCEEDED was reached on evidence from before the task was complete, or though "
        "it never was",
        _SHARE,
        0.0,
    ),
    "early_completion_s": Meaning(
        "how long before the task was complete SUCCEEDED was reached, by the evidence it rested on; mean over "
        "successful episodes, 0 where it was not early",
        "s",
        0.0,
    ),
    # What it does not say, how fast it is, and what it costs.
    "declined": Meaning("share of the answers that tell no progress", _SHARE, 0.0, "0", "0"),
    "unknown": Meaning("share of the time in state UNKNOWN, which it is until the first verdict", _SHARE, 0.0),
    "unknown_when_wrong": Meaning(
        "share of the episodes with a final state that is not right (see `verdict_accuracy`) that end UNKNOWN, so that "
        "nobody was misled",
        _SHARE,
        1.0,
    ),
    "latency_s": Meaning("median time from question to answer", "s", 0.0),
    "latency_p95_s": Meaning("the time from question to answer that one answer in twenty exceeds", "s", 0.0),
    "input_tokens_per_answer": Meaning(
        "tokens that a server read for an answer, as it counts them; mean over the answers that tell", "tokens", 0.0
    ),
    "output_tokens_per_answer": Meaning("the same of the tokens that it wrote", "tokens", 0.0),
    "cost_per_hour": Meaning(
        "what the answers of an hour of episodes cost, by the prices in the file of the server and in their currency; "
        "over the episodes of which that is known of all answers. Questions without an answer, the review and the "
        "controls are not in it",
        "money/h",
        0.0,
    ),
}
